"""A13: whatever crosses the seam to Rust, a Python exception comes back: no abort, no PanicException, no deadlock."""

import inspect
import itertools
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from protocol.errors import ProofwardError
from prover import _kernel, kernel_backend, reference
from prover.rows import RowStatement, RowWitness
from tests.architecture.source import ROOT
from tests.malicious.instances import MODES, honest
from tests.vectors.good_cases import good
from tests.vectors.values import over_both_backends, run

STRANGE: list[Any] = [
    None, True, False, 0, 1, -1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64, -(2**63), 2**256, 2**4000, 0.0, 1e308, float("nan"),
    float("inf"), 1j, "", "G", "text", "\ud800", "\x00", b"", b"\x00", bytes(31), bytes(32), bytes(33), bytes(64), bytes(65),
    bytes(4096), bytearray(64), memoryview(bytes(64)), [], [0], [-1], [None], [0, 0], [2**64], [b""], [bytes(64)], [0] * 5000,
    (), (0, 1), {}, {1: b""}, {None: None}, {0: bytes(32)}, set(), object(), int, len, range(3), np.zeros(4, dtype=np.uint16),
    np.zeros(4), np.zeros((2, 2), dtype=np.uint16), np.array(["a"]), np.zeros(0, dtype=np.uint16), np.uint16(3), iter([0]),
    Exception("x"),
]  # fmt: skip

ROWS = {"prove_rows", "verify_rows"}  # their arguments are records: each field is tried below
FUNCTIONS = sorted(
    name for name, member in vars(kernel_backend).items()
    if inspect.isfunction(member) and not name.startswith("_") and member.__module__ == kernel_backend.__name__
    and name not in ROWS
)  # fmt: skip


def valid_arguments() -> dict[str, dict[str, object]]:
    """One good call of each function, from the vectors."""
    found: dict[str, dict[str, object]] = {"random_scalars": {"count": 2}}
    for cases in good().values():
        for _, function, arguments in cases:
            if function != "Transcript":
                found[function] = arguments  # the last is the smallest or as good as the others
    return found


GOOD = valid_arguments()


def call(function: Callable[..., object], *args: object, **kwargs: object) -> None:
    """Anything but a ProofwardError escapes and fails the test; PanicException is a BaseException and escapes too."""
    with suppress(ProofwardError):
        function(*args, **kwargs)


def test_every_function_has_a_good_call() -> None:
    assert set(FUNCTIONS) == set(GOOD)
    assert len(FUNCTIONS) >= 20
    assert all(inspect.isfunction(getattr(kernel_backend, name)) for name in ROWS)


@over_both_backends
@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_argument_may_be_anything(backend: ModuleType, name: str) -> None:
    function = getattr(backend, name)
    run(backend, name, GOOD[name])
    for argument in GOOD[name]:
        for value in STRANGE:
            call(function, **{**GOOD[name], argument: value})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_may_be_missing_or_too_many(name: str) -> None:
    function = getattr(kernel_backend, name)
    call(function)
    call(function, *([b""] * 12))
    call(function, unknown=1)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_several_arguments_may_be_anything_at_once(name: str) -> None:
    source = random.Random(name)
    function = getattr(kernel_backend, name)
    for _ in range(300):
        call(function, **{argument: source.choice([value, *STRANGE]) for argument, value in GOOD[name].items()})


@over_both_backends
@pytest.mark.parametrize("mode", MODES)
def test_each_field_of_a_row_proof_may_be_anything(backend: ModuleType, mode: str) -> None:
    own = honest(mode)
    instance = own.claim.instance(backend.Transcript, own.prove(backend.Transcript))
    backend.verify_rows([instance])
    for value in STRANGE:
        call(backend.verify_rows, value)
        call(backend.verify_rows, [value])
        call(backend.verify_rows, [instance], entropy=value)
        call(backend.verify_rows, [instance], threads=value)
        for name in ("statement", "points", "proof"):
            call(backend.verify_rows, [replace(instance, **{name: value})])
        for field in fields(RowStatement):
            changed = replace(instance.statement, **{field.name: value})
            call(backend.verify_rows, [replace(instance, statement=changed)])


@pytest.mark.parametrize("mode", MODES)
def test_each_field_of_a_row_witness_may_be_anything(mode: str) -> None:
    own = honest(mode)
    statement, witness = own.claim.statement(kernel_backend.Transcript), own.row_witness()
    kernel_backend.prove_rows(statement, witness)
    for value in STRANGE:
        call(kernel_backend.prove_rows, value, witness)
        call(kernel_backend.prove_rows, statement, value)
        call(kernel_backend.prove_rows, statement, witness, entropy=value)
        call(kernel_backend.prove_rows, statement, witness, threads=value)
        for field in fields(RowStatement):
            call(kernel_backend.prove_rows, replace(statement, **{field.name: value}), witness)
        for field in fields(RowWitness):
            call(kernel_backend.prove_rows, statement, replace(witness, **{field.name: value}))


@over_both_backends
def test_a_transcript_takes_anything(backend: ModuleType) -> None:
    for value in STRANGE:
        call(backend.Transcript, value)
        transcript = backend.Transcript(b"a13")
        call(transcript.absorb, value, b"")
        call(transcript.absorb, b"label", value)
        call(transcript.challenge, value)


RAW = sorted(name for name, member in vars(_kernel).items() if inspect.isbuiltin(member))


@pytest.mark.parametrize("name", RAW)
def test_the_bare_kernel_raises_python_exceptions_only(name: str) -> None:
    function = getattr(_kernel, name)
    source = random.Random(name)
    for _ in range(1600):
        values = source.choices(STRANGE, k=source.randrange(8))
        with suppress(_kernel.KernelError, TypeError, OverflowError, ValueError):
            function(*values)


def test_a_failing_call_leaves_a_usable_kernel() -> None:
    for _ in range(3):
        with pytest.raises(ProofwardError):
            kernel_backend.msm(bytes(63), b"")
        assert kernel_backend.msm(b"", b"") == bytes(64)


def test_the_gil_is_released_while_the_kernel_works() -> None:
    # A thread that only counts makes progress during one long call.
    codes = np.zeros(1 << 17, dtype=np.uint16)
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.wait(0.001):
            ticks += 1

    counter = threading.Thread(target=tick)
    counter.start()
    kernel_backend.commit_onehot(codes, 256, 8192, bytes(32), b"gil", 1)
    during = ticks
    done.set()
    counter.join()
    assert during > 5


def test_many_threads_may_call_at_once() -> None:
    expected = kernel_backend.generators("V", 0, 64)

    def work() -> None:
        for _ in range(20):
            assert kernel_backend.generators("V", 0, 64) == expected
            kernel_backend.commit_onehot(np.zeros(64, dtype=np.uint16), 2, 8, bytes(32), b"t", 2)

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work) for _ in range(8)]:
            future.result(60)


def test_release_builds_check_for_overflow_and_unwind() -> None:
    manifest = (ROOT / "prover/kernel/Cargo.toml").read_text(encoding="utf-8")
    release = manifest.split("[profile.release]")[1].split("[profile")[0]
    assert "overflow-checks = true" in release
    assert 'panic = "unwind"' in release


def test_the_reference_is_as_strict_as_the_kernel_about_types() -> None:
    for name in FUNCTIONS:
        for argument, value in itertools.product(GOOD[name], STRANGE):
            arguments = {**GOOD[name], argument: value}
            assert refused(kernel_backend, name, arguments) == refused(reference, name, arguments), (name, argument, value)


def refused(backend: ModuleType, name: str, arguments: dict[str, object]) -> bool:
    try:
        getattr(backend, name)(**arguments)
    except ProofwardError:
        return True
    return False
