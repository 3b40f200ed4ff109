"""Known answers from outside the project, and rules that single vectors do not show."""

import re
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from protocol.parameters import GROUP_ORDER
from prover import errors, kernel_backend, reference
from prover.dealing import Deal
from prover.reference import labels
from tests.architecture.source import ROOT
from tests.vectors.inputs import G1, Stream, scalars, word
from tests.vectors.values import over_both_backends

# EIP-196's example: the double of (1, 2).
TWO_G1 = bytes.fromhex(
    "030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3"
    "15ed738c0e0a7c92e7845f96b2ae9c0a68a6a449e3538fc7ff3ebf7a5a18a2c4"
)


@over_both_backends
def test_the_curve_is_the_one_of_the_precompiles(backend: ModuleType) -> None:
    assert backend.add_points(G1 + G1) == TWO_G1
    assert backend.msm(G1, word(2)) == TWO_G1
    assert backend.subtract(TWO_G1, G1) == G1
    # r times the generator is the identity: r - 1 times it is its negative.
    assert backend.add_points(backend.msm(G1, word(GROUP_ORDER - 1)) + G1) == bytes(64)


def test_the_backends_have_the_same_names() -> None:
    # The reference verifies row proofs and makes none; the prover of the tests is tests/malicious/prover.py.
    assert [name for name in kernel_backend_names() if not hasattr(reference, name)] == ["prove_rows"]


def kernel_backend_names() -> list[str]:
    import prover

    return sorted(prover.__all__)


def test_the_package_offers_the_kernel() -> None:
    import prover

    for name in prover.__all__:
        assert getattr(prover, name) is getattr(kernel_backend, name)
    with pytest.raises(AttributeError):
        _ = prover.no_such_name


def test_the_reference_loads_no_compiled_code() -> None:
    program = (
        "import prover.reference, sys; sys.exit('prover._kernel' in sys.modules or 'prover.kernel_backend' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_labels_are_the_same_in_both_languages_and_unique() -> None:
    rust = (ROOT / "prover/kernel/src/labels.rs").read_text(encoding="utf-8")
    found = dict(re.findall(r'pub const (\w+): &\[u8\] = b"([^"]*)";', rust))
    twin = {name: value.decode() for name, value in vars(labels).items() if isinstance(value, bytes)}
    assert found == twin
    # Names that separate domains are unique; names of messages are, in their transcript.
    named = [("", value) if value.startswith("proofward/") else (name.split("_")[0], value) for name, value in twin.items()]
    assert len(set(named)) == len(named)


def test_every_kernel_code_has_its_class() -> None:
    rust = (ROOT / "prover/kernel/src/error.rs").read_text(encoding="utf-8")
    codes = re.findall(r'=> "([a-z-]+)"', rust)
    assert codes
    for code in codes:
        assert errors.from_kernel(code, "message").code == code
    assert isinstance(errors.from_kernel("unheard-of", "message"), errors.KernelFailed)


def test_the_stub_describes_the_binary() -> None:
    command = [sys.executable, "-m", "mypy.stubtest", "prover._kernel"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_shares_do_not_print() -> None:
    deal = kernel_backend.deal(word(77) + word(78), 3, 1, scalars("print", 2))
    assert deal.shares[0].hex() not in repr(deal)
    assert repr(deal.shares[0]) not in repr(deal)
    assert "shares" not in repr(deal)
    assert isinstance(deal, Deal)


def test_generators_grow_without_changing() -> None:
    # A longer list replaces the cached one; the old prefix must stay.
    before = kernel_backend.generators("V", 0, 3)
    kernel_backend.generators("V", 0, 100)
    assert kernel_backend.generators("V", 0, 3) == before


@over_both_backends
def test_random_scalars_use_their_entropy(backend: ModuleType) -> None:
    assert backend.random_scalars(3, Stream("x")) == kernel_backend.random_scalars(3, Stream("x"))
    assert backend.random_scalars(1) != backend.random_scalars(1)
    # 64 bytes of ones reduce to 2^512 - 1 mod r.
    assert backend.random_scalars(1, lambda size: b"\xff" * size) == word(((1 << 512) - 1) % GROUP_ORDER)


@over_both_backends
@pytest.mark.parametrize("short", [b"", bytes(63), bytes(65), "text", None, bytearray(64)])
def test_random_scalars_refuse_a_lying_source(backend: ModuleType, short: object) -> None:
    with pytest.raises(errors.KernelArgumentInvalid):
        backend.random_scalars(1, lambda size: short)


@over_both_backends
def test_onehot_rows_add_up(backend: ModuleType) -> None:
    # Over all values, the commitments of a row block sum to its generators plus blinders: same rows, one value.
    codes = np.array([0, 1, 2, 1], dtype=np.uint16)
    key, context = bytes(32), b"sum"
    split = backend.commit_onehot(codes, 3, 4, key, context)
    blinders = [reference.onehot.onehot_blinder(key, context, value, 0) for value in range(3)]
    expected = kernel_backend.msm(
        kernel_backend.generators("G", 0, 4) + kernel_backend.generators("H", 0, 1),
        word(1) * 4 + word(sum(blinders) % GROUP_ORDER),
    )
    assert backend.add_points(split) == expected
