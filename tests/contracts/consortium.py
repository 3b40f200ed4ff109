"""A consortium for tests: its deployed contract, its keys, and honest attestations over real commitments."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from attestation import artefact
from attestation.artefact import Terms
from attestation.chain_client import ChainClient, Receipt
from attestation.chain_errors import ChainReverted
from attestation.eip712 import AttestationFields, Opening, sign_attestation
from attestation.ledger import Ledger
from attestation.transactions import Call, sign
from protocol.parameters import GROUP_ORDER
from prover import add_points, commit_outputs, random_scalars
from tests.contracts.chains import TestChain, account, key

GAS = 3_000_000


def terms(n: int = 4, t: int = 1, digest: bytes = b"\x11" * 32) -> Terms:
    """n members, "member 1" .. "member n"."""
    return Terms(tuple(account(f"member {i}") for i in range(1, n + 1)), t, digest)


def send(client: ChainClient, sender: str, call: Call, gas: int = GAS) -> Receipt:
    """Sign `call` with the key of the name `sender`, send it, and wait until it is mined."""
    nonce = client.nonce(account(sender))
    raw = sign(key(sender), call, chain_id=client.chain_id, nonce=nonce, gas=gas, fees=client.fees())
    name = client.send(raw)
    deadline = time.monotonic() + 10
    while (receipt := client.receipt(name)) is None:
        assert time.monotonic() < deadline, "the transaction is not mined"
        time.sleep(0.01)
    return receipt


def deploy(chain: TestChain, wanted: Terms | None = None) -> Ledger:
    """A new contract."""
    wanted = wanted or terms()
    client = chain.client
    receipt = send(client, "hub", Call(None, artefact.load().creation_code(wanted)), gas=8_000_000)
    assert receipt.succeeded
    assert receipt.contract is not None
    return Ledger(client, receipt.contract, wanted)


def refusal(ledger: Ledger, call: Call, sender: str = "hub") -> tuple[str, tuple[str, ...]]:
    """Send a call that must fail; the contract's error. It has to be mined as failed, too."""
    try:
        ledger.client.call(call, sender=account(sender))
    except ChainReverted as error:
        explained = ledger.explain(error)
    else:
        raise AssertionError("the contract accepted the call")
    assert not send(ledger.client, sender, call).succeeded
    return explained.error_name, explained.arguments


def register(ledger: Ledger, index: int, epoch: int = 1, dataset_key: bytes | None = None) -> bytes:
    """A random root, registered by member `index`."""
    root = os.urandom(32)
    call = ledger.register_dataset(dataset_key or os.urandom(32), epoch, root)
    assert send(ledger.client, f"member {index}", call).succeeded
    return root


def opened(parts: Sequence[Sequence[int]]) -> Opening:
    """What hospitals with the cells `parts` commit to and what opens their sum."""
    blinders = [random_scalars(1) for _ in parts]
    commitments = tuple(commit_outputs(list(cells), r) for cells, r in zip(parts, blinders, strict=True))
    cells = tuple(sum(column) for column in zip(*parts, strict=True))
    blinding = sum(int.from_bytes(r, "big") for r in blinders) % GROUP_ORDER
    opening = Opening(commitments, cells, blinding.to_bytes(32, "big"))
    assert add_points(b"".join(commitments)) == commit_outputs(list(cells), opening.blinding)
    return opening


def attestation(
    ledger: Ledger, roots: Sequence[bytes], opening: Opening | None = None, query_id: bytes | None = None
) -> AttestationFields:
    """Fields with a random query and a random statement."""
    return AttestationFields(
        consortium=ledger.terms.consortium,
        query_id=query_id or os.urandom(32),
        statement=os.urandom(32),
        roots=tuple(roots),
        opening=opening,
    )


def signatures(ledger: Ledger, fields: AttestationFields, members: Iterable[int] = (1, 2)) -> dict[str, bytes]:
    """The signatures of the members with these indices."""
    return {account(f"member {i}"): sign_attestation(key(f"member {i}"), ledger.domain, fields) for i in members}


@dataclass(frozen=True)
class ForgedOpening(Opening):
    """An opening that Python would not make: posts `forged` in place of the honest words, signed like any other."""

    forged: tuple[list[tuple[int, int]], list[int], int] = ([], [], 0)

    def __post_init__(self) -> None:
        """Nothing is checked: the contract has to."""

    @property
    def words(self) -> tuple[list[tuple[int, int]], list[int], int]:
        return self.forged


def forged(
    honest: Opening,
    commitments: list[tuple[int, int]] | None = None,
    cells: list[int] | None = None,
    blinding: int | None = None,
) -> ForgedOpening:
    """`honest` with some of its words replaced."""
    points, values, r = honest.words
    words = (
        points if commitments is None else commitments,
        values if cells is None else cells,
        r if blinding is None else blinding,
    )
    return ForgedOpening(honest.commitments, honest.cells, honest.blinding, words)


def posted(ledger: Ledger, fields: AttestationFields, signed: bytes) -> Call:
    """The call with these signature bytes, whatever they are, past the checks of `Ledger`."""
    compiled = artefact.load()
    arguments: list[Any] = [fields.query_id, fields.statement, list(fields.roots)]
    if fields.opening is None:
        return Call(ledger.contract, compiled.call_data("attest", [*arguments, signed]))
    arguments += [*fields.opening.words, signed]
    return Call(ledger.contract, compiled.call_data("attestOpened", arguments))
