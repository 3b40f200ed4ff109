"""C4: nobody writes what they may not write, and nothing that is written changes."""

import os
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode

from attestation import artefact
from attestation.eip712 import AttestationFields, Domain, Opening, join_signatures, sign_attestation
from attestation.ledger import Ledger
from attestation.transactions import Call
from protocol.parameters import FIELD_MODULUS, GROUP_ORDER, MAX_CHAIN_CELLS
from tests.contracts.chains import TestChain, account, key, running_chain  # noqa: F401 (fixture)
from tests.contracts.consortium import (
    attestation,
    deploy,
    forged,
    opened,
    posted,
    refusal,
    register,
    send,
    signatures,
    terms,
)

SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture(scope="module")
def ledger(chain: TestChain) -> Ledger:
    return deploy(chain)


@pytest.fixture(scope="module")
def roots(ledger: Ledger) -> tuple[bytes, ...]:
    return tuple(register(ledger, i) for i in range(1, 5))


@pytest.fixture(scope="module")
def honest() -> Opening:
    return opened([[100 + h, 0, 7, 2**39 + h] for h in range(4)])


def by_members(ledger: Ledger, fields: AttestationFields, *members: int) -> list[bytes]:
    """The signatures of the members, in increasing order of address."""
    return [signature for _, signature in sorted(signatures(ledger, fields, members).items())]


def in_upper_half(signature: bytes) -> bytes:
    """The other signature over the same bytes by the same key."""
    s = SECP256K1_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


# Construction, and what does not exist.


def words(*accounts: str, t: int = 1, digest: bytes = b"\x11" * 32) -> bytes:
    return encode(["address[]", "uint8", "bytes32"], [accounts, t, digest])


MEMBERS = terms(7, 3).members


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (words(*MEMBERS[:4], t=0), "InvalidConsortium"),
        (words(*MEMBERS[:2], t=1), "InvalidConsortium"),
        (words(*MEMBERS[:6], t=3), "InvalidConsortium"),
        (words(*MEMBERS[:4], digest=bytes(32)), "InvalidConsortium"),
        (words(t=1), "InvalidConsortium"),
        (words(*(f"0x{i:040x}" for i in range(1, 66)), t=1), "InvalidConsortium"),
        (words(*MEMBERS[:3], MEMBERS[0]), "InvalidMember"),
        (words(*MEMBERS[:3], "0x" + "00" * 20), "InvalidMember"),
    ],
)
def test_a_bad_consortium_cannot_be_deployed(ledger: Ledger, arguments: bytes, error: str) -> None:
    name, _ = refusal(ledger, Call(None, artefact.load().bytecode + arguments))
    assert name == error


def test_there_is_no_owner_no_upgrade_and_no_second_initialisation() -> None:
    functions = {entry["name"]: entry["stateMutability"] for entry in artefact.load().abi if entry["type"] == "function"}
    assert {name for name, kind in functions.items() if kind != "view"} == {"registerDataset", "attest", "attestOpened"}
    assert "payable" not in functions.values()


def test_the_code_cannot_destroy_itself_or_run_other_code() -> None:
    code, found, position = artefact.load().deployed, set(), 0
    while position < len(code):
        found.add(code[position])
        position += 1 + (code[position] - 0x5F if 0x60 <= code[position] <= 0x7F else 0)
    create, call, callcode, delegatecall, create2, staticcall, selfdestruct = 0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFA, 0xFF
    assert staticcall in found  # the precompiles; it cannot re-enter with an effect
    assert not found & {create, call, callcode, delegatecall, create2, selfdestruct}


def test_it_takes_no_money_and_no_unknown_call(ledger: Ledger) -> None:
    for data in (b"", b"\x00", os.urandom(4), os.urandom(68)):
        assert not send(ledger.client, "hub", Call(ledger.contract, data)).succeeded


# Registration.


def test_only_a_member_registers(ledger: Ledger) -> None:
    call = ledger.register_dataset(os.urandom(32), 1, os.urandom(32))
    assert refusal(ledger, call, "stranger") == ("NotMember", (account("stranger"),))


def test_a_root_is_registered_once(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    before = ledger.dataset(roots[0])
    for sender, epoch in (("member 1", 2), ("member 2", 1)):
        call = ledger.register_dataset(os.urandom(32), epoch, roots[0])
        assert refusal(ledger, call, sender) == ("RootAlreadyRegistered", ("0x" + roots[0].hex(),))
    assert ledger.dataset(roots[0]) == before


def test_the_zero_root_is_refused(ledger: Ledger) -> None:
    data = artefact.load().call_data("registerDataset", [os.urandom(32), 1, bytes(32)])
    assert refusal(ledger, Call(ledger.contract, data), "member 1") == ("ZeroRoot", ())


def test_epochs_only_increase(ledger: Ledger) -> None:
    dataset_key = os.urandom(32)
    register(ledger, 3, epoch=5, dataset_key=dataset_key)
    for stale in (1, 4, 5):
        call = ledger.register_dataset(dataset_key, stale, os.urandom(32))
        assert refusal(ledger, call, "member 3") == ("StaleEpoch", (str(stale), "5"))
    zero = artefact.load().call_data("registerDataset", [os.urandom(32), 0, os.urandom(32)])
    assert refusal(ledger, Call(ledger.contract, zero), "member 3") == ("StaleEpoch", ("0", "0"))
    # Another member has epochs of its own, even under the same key.
    register(ledger, 4, epoch=1, dataset_key=dataset_key)
    register(ledger, 3, epoch=2**64 - 1, dataset_key=dataset_key)


# Attestation: roots, and writing once.


def test_an_attestation_is_never_overwritten(ledger: Ledger, roots: tuple[bytes, ...], honest: Opening) -> None:
    fields = attestation(ledger, roots)
    assert send(ledger.client, "hub", ledger.attest(fields, signatures(ledger, fields))).succeeded
    everybody = (1, 2, 3, 4)
    for again in (
        fields,
        replace(fields, statement=os.urandom(32)),
        replace(fields, roots=roots[:2]),
        replace(fields, opening=honest),
    ):
        call = posted(ledger, again, join_signatures(signatures(ledger, again, everybody)))
        assert refusal(ledger, call) == ("AlreadyAttested", ("0x" + fields.query_id.hex(),))
    assert ledger.attestation(fields.query_id) == fields.statement


def test_the_zero_statement_is_refused(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    # Zero means "not attested": it could be written over.
    fields = replace(attestation(ledger, roots), statement=bytes(32))
    assert refusal(ledger, ledger.attest(fields, signatures(ledger, fields))) == ("ZeroStatement", ())


def test_only_registered_roots_count(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    unknown = os.urandom(32)
    fields = attestation(ledger, (roots[0], unknown))
    assert refusal(ledger, ledger.attest(fields, signatures(ledger, fields))) == ("UnknownRoot", ("0x" + unknown.hex(),))
    none = posted(ledger, fields, join_signatures(signatures(ledger, fields))).data
    nothing = artefact.load().call_data("attest", [fields.query_id, fields.statement, [], none[-192:-62]])
    assert refusal(ledger, Call(ledger.contract, nothing)) == ("NoRoots", ())


def test_a_hospital_counts_once(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    second_of_member_1 = register(ledger, 1)
    for chosen, position in (
        ((roots[0], roots[0]), 1),
        ((roots[0], second_of_member_1), 1),
        ((roots[1], roots[0]), 1),
        ((roots[0], roots[2], roots[1]), 2),
    ):
        fields = attestation(ledger, chosen)
        call = ledger.attest(fields, signatures(ledger, fields))
        assert refusal(ledger, call) == ("RootsOutOfOrder", (str(position),))


# Attestation: signatures.


def test_it_takes_t_plus_one(chain: TestChain) -> None:
    ledger = deploy(chain, terms(7, 3, digest=b"\x33" * 32))
    root = register(ledger, 5)
    fields = attestation(ledger, [root])
    for members in ((), (1,), (1, 2, 3)):
        call = posted(ledger, fields, b"".join(by_members(ledger, fields, *members)))
        assert refusal(ledger, call) == ("TooFewSignatures", (str(len(members)), "4"))
    assert send(ledger.client, "stranger", ledger.attest(fields, signatures(ledger, fields, (2, 4, 6, 7)))).succeeded


def test_every_signer_counts_once(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    fields = attestation(ledger, roots)
    (one,) = by_members(ledger, fields, 1)
    assert refusal(ledger, posted(ledger, fields, one + one)) == ("SignersOutOfOrder", ("1",))
    assert refusal(ledger, posted(ledger, fields, one + in_upper_half(one)))[0] == "InvalidSignature"


def test_signers_come_in_order(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    fields = attestation(ledger, roots)
    first, second, third = by_members(ledger, fields, 1, 2, 3)
    assert refusal(ledger, posted(ledger, fields, second + first)) == ("SignersOutOfOrder", ("1",))
    assert refusal(ledger, posted(ledger, fields, first + third + second)) == ("SignersOutOfOrder", ("2",))


def test_a_stranger_does_not_count(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    fields = attestation(ledger, roots)
    stranger = {account("stranger"): sign_attestation(key("stranger"), ledger.domain, fields)}
    name, (_, signer) = refusal(ledger, ledger.attest(fields, signatures(ledger, fields, (1,)) | stranger))
    assert (name, signer) == ("SignerNotMember", account("stranger"))
    # Not even beside enough members.
    assert refusal(ledger, ledger.attest(fields, signatures(ledger, fields, (1, 2, 3)) | stranger))[0] == "SignerNotMember"


def test_a_signature_has_one_form(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    fields = attestation(ledger, roots)
    first, second = by_members(ledger, fields, 1, 2)
    bad_v = [second[:64] + bytes([v]) for v in (0, 1, 26, 29, 255)]
    # 5 is the x of no point of secp256k1.
    off_curve = (5).to_bytes(32, "big") + second[32:]
    zeros = bytes(64) + b"\x1b"
    for bad in (in_upper_half(second), *bad_v, off_curve, zeros):
        assert refusal(ledger, posted(ledger, fields, first + bad)) == ("InvalidSignature", ("1",))
    for bad in (in_upper_half(first), *(first[:64] + bytes([v]) for v in (0, 1, 26, 29, 255)), zeros):
        # The zero address, which ecrecover answers for nonsense, is nobody.
        assert refusal(ledger, posted(ledger, fields, bad + second)) == ("InvalidSignature", ("0",))


def test_signatures_have_no_other_length(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    fields = attestation(ledger, roots)
    whole = b"".join(by_members(ledger, fields, 1, 2))
    for bad in (whole[:-1], whole + b"\x00", whole[:64] + whole[65:]):
        assert refusal(ledger, posted(ledger, fields, bad)) == ("InvalidSignatureLength", (str(len(bad)),))


@pytest.mark.parametrize("field", ["consortium", "query_id", "statement", "roots"])
def test_every_field_is_signed(ledger: Ledger, roots: tuple[bytes, ...], field: str) -> None:
    fields = attestation(ledger, roots)
    other: Any = roots[:3] if field == "roots" else os.urandom(32)
    signed = signatures(ledger, replace(fields, **{field: other}))
    assert refusal(ledger, posted(ledger, fields, join_signatures(signed)))[0] in REJECTED_SIGNERS


# What a signature over other bytes recovers to is a random account.
REJECTED_SIGNERS = ("SignerNotMember", "SignersOutOfOrder")


def test_signatures_are_void_elsewhere(chain: TestChain, ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    fields = attestation(ledger, roots)
    twin = deploy(chain)  # same members, same consortium, another address
    for domain in (
        Domain(chain.chain_id + 1, ledger.contract),
        Domain(1, ledger.contract),
        twin.domain,
        Domain(chain.chain_id, account("stranger")),
    ):
        signed = {account(f"member {i}"): sign_attestation(key(f"member {i}"), domain, fields) for i in (1, 2)}
        assert refusal(ledger, posted(ledger, fields, join_signatures(signed)))[0] in REJECTED_SIGNERS


def test_an_opening_is_neither_added_nor_taken_away(ledger: Ledger, roots: tuple[bytes, ...], honest: Opening) -> None:
    plain = attestation(ledger, roots)
    with_opening = replace(plain, opening=honest)
    call = posted(ledger, with_opening, join_signatures(signatures(ledger, plain)))
    assert refusal(ledger, call)[0] in REJECTED_SIGNERS
    call = posted(ledger, plain, join_signatures(signatures(ledger, with_opening)))
    assert refusal(ledger, call)[0] in REJECTED_SIGNERS


# The opening. Here all four members sign the lie: the mathematics has to refuse it.


def refused_opening(ledger: Ledger, roots: tuple[bytes, ...], opening: Opening) -> tuple[str, tuple[str, ...]]:
    fields = attestation(ledger, roots, opening)
    call = posted(ledger, fields, join_signatures(signatures(ledger, fields, (1, 2, 3, 4))))
    outcome = refusal(ledger, call)
    assert ledger.attestation(fields.query_id) is None
    return outcome


def test_a_wrong_total_is_refused(ledger: Ledger, roots: tuple[bytes, ...], honest: Opening) -> None:
    points, cells, blinding = honest.words
    lies = [
        forged(honest, cells=[cells[0] + 1, *cells[1:]]),
        forged(honest, cells=[*cells[:3], cells[3] - 1]),
        forged(honest, cells=[cells[1], cells[0], *cells[2:]]),
        forged(honest, cells=[cells[0], 1, *cells[2:]]),  # the shortcut for 1 adds, too
        forged(honest, cells=cells[:3]),
        forged(honest, cells=[*cells, 1]),
        forged(honest, cells=[GROUP_ORDER - cell if cell else 0 for cell in cells]),
        forged(honest, blinding=(blinding + 1) % GROUP_ORDER),
        forged(honest, blinding=0),
        forged(honest, commitments=[points[0], *points[:3]]),
        forged(honest, commitments=[(0, 0), *points[1:]]),
        forged(honest, commitments=[(points[0][0], FIELD_MODULUS - points[0][1]), *points[1:]]),
    ]
    for lie in lies:
        assert refused_opening(ledger, roots, lie) == ("OpeningMismatch", ())


def test_the_sum_does_not_depend_on_the_order_of_equal_parts(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    # Swapped points have the same sum. The signed statement says whose is which; the contract checks the total only.
    honest = opened([[3, 0], [4, 1], [5, 2], [6, 0]])
    points = honest.words[0]
    fields = attestation(ledger, roots, forged(honest, commitments=points[::-1]))
    signed = signatures(ledger, replace(fields, opening=honest), (1, 2))
    assert refusal(ledger, posted(ledger, fields, join_signatures(signed)))[0] in REJECTED_SIGNERS


def test_a_scalar_has_one_form(ledger: Ledger, roots: tuple[bytes, ...], honest: Opening) -> None:
    _, cells, blinding = honest.words
    for position, cell in enumerate(cells):
        lie = [*cells[:position], cell + GROUP_ORDER, *cells[position + 1 :]]
        assert refused_opening(ledger, roots, forged(honest, cells=lie)) == ("ScalarOutOfRange", (str(position),))
    assert refused_opening(ledger, roots, forged(honest, blinding=blinding + GROUP_ORDER)) == ("ScalarOutOfRange", ("4",))
    assert refused_opening(ledger, roots, forged(honest, cells=[2**256 - 1, *cells[1:]]))[0] == "ScalarOutOfRange"


def test_a_point_has_one_form_and_is_on_the_curve(ledger: Ledger, roots: tuple[bytes, ...], honest: Opening) -> None:
    points = honest.words[0]
    for position, (x, y) in enumerate(points):
        for bad in (
            (x, (y + 1) % FIELD_MODULUS),
            (x + FIELD_MODULUS, y),
            (x, y + FIELD_MODULUS),
            (FIELD_MODULUS, 0),
            (0, 1),
            (2**256 - 1, 2**256 - 1),
        ):
            if max(bad) >= 2**256:
                continue
            lie = [*points[:position], bad, *points[position + 1 :]]
            outcome = refused_opening(ledger, roots, forged(honest, commitments=lie))
            assert outcome == ("InvalidPoint", (str(position),))


def test_the_counts_are_bounded(ledger: Ledger, roots: tuple[bytes, ...], honest: Opening) -> None:
    points = honest.words[0]
    assert refused_opening(ledger, roots, forged(honest, cells=[])) == ("InvalidCellCount", ("0",))
    too_many = [0] * (MAX_CHAIN_CELLS + 1)
    assert refused_opening(ledger, roots, forged(honest, cells=too_many)) == ("InvalidCellCount", ("65",))
    for wrong in ([], points[:3], [*points, (0, 0)]):
        outcome = refused_opening(ledger, roots, forged(honest, commitments=wrong))
        assert outcome == ("WrongCommitmentCount", (str(len(wrong)), "4"))


def test_zero_cells_and_a_zero_blinding_open(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    identity = Opening((bytes(64),) * 4, (0, 0, 0), bytes(32))
    fields = attestation(ledger, roots, identity)
    assert send(ledger.client, "hub", ledger.attest_opened(fields, signatures(ledger, fields))).succeeded
