"""Check 17, and the checks 18 to 20 that an audit adds when it can ask a chain."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from attestation.bundle import ChainRecord
from attestation.checks import Check, Examination, Refused, check
from attestation.checks_identity import consortium, form, parameters, signatures, statement
from attestation.checks_query import datasets
from attestation.errors import NotOnChain
from attestation.record import check_registrations, check_transaction
from attestation.sign import chain_call, register_call, statement_digest
from attestation.transactions import Call
from protocol.statement import Statement

R = TypeVar("R", bound="MinedTransaction")  # the receipts of a client


class RegisteredDataset(Protocol):
    """What the contract holds about a root."""

    @property
    def member(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def block_number(self) -> int: ...


class MinedTransaction(Protocol):
    """A transaction in a block."""

    @property
    def block_number(self) -> int: ...
    @property
    def succeeded(self) -> bool: ...


class Client(Protocol[R]):
    """A connection to a chain."""

    @property
    def chain_id(self) -> int: ...
    def receipt(self, transaction: bytes) -> R | None: ...
    def confirmations(self, receipt: R) -> int: ...


class LiveContract(Protocol[R]):
    """The contract on a live chain, as far as an audit reads it: `attestation.ledger.Ledger`.

    A protocol, because whoever calls an audit may open a connection, and the audit itself cannot even import one.
    """

    @property
    def client(self) -> Client[R]: ...
    @property
    def contract(self) -> str: ...
    def members(self) -> tuple[str, ...]: ...
    def threshold(self) -> int: ...
    def consortium(self) -> bytes: ...
    def dataset(self, root: bytes) -> RegisteredDataset | None: ...
    def attestation(self, query_id: bytes) -> bytes | None: ...
    def find(self, call: Call) -> bytes | None: ...


@check(17, "record", "The transactions that posted the roots and the answer are the ones that the statement needs.")
def record(examination: Examination) -> ChainRecord | None:
    bundle = examination.of(form)
    if bundle.record is None:
        return None
    signed, anchor = examination.of(statement), examination.trust.chain
    examination.of(parameters)
    examination.of(signatures)
    check_transaction(bundle.record.attestation, chain_call(signed, bundle.signatures))
    examination.of(datasets)
    by_index = examination.of(consortium).member
    registered = [entry.registration for entry in bundle.registrations]
    calls = [(register_call(anchor, entry), by_index(entry.hospital).address) for entry in registered]
    check_registrations(bundle.record.registrations, calls)
    return bundle.record


def live_checks(connect: Callable[[], LiveContract[R]], confirmations: int) -> tuple[Check[Any], ...]:
    """The checks against a live chain. `connect` finds the contract and refuses one with other code or members;
    `confirmations` counts the block of the attestation and those that must follow it."""

    @check(18, "contract", "The pinned address holds this version's contract, made for the pinned consortium.")
    def contract(examination: Examination) -> LiveContract[R]:
        trust, ledger = examination.trust, connect()
        if (ledger.client.chain_id, ledger.contract) != (trust.chain.chain_id, trust.chain.contract):
            raise Refused("the chain that was asked is not the pinned one")
        if (ledger.members(), ledger.threshold()) != (trust.terms.members, trust.terms.threshold):
            raise Refused("the contract has other members or another threshold than the pinned consortium")
        if ledger.consortium() != trust.terms.consortium:
            raise Refused("the contract was made for another consortium")
        return ledger

    @check(19, "registered", "Each dataset root was put on chain by its own hospital.")
    def registered(examination: Examination) -> int:
        ledger, members = examination.of(contract), examination.of(consortium)
        examination.of(datasets)
        last_block = 0
        for entry in examination.of(form).registrations:
            registration = entry.registration
            found = ledger.dataset(bytes.fromhex(registration.root))
            if found is None:
                raise NotOnChain(f"the chain does not know the dataset of member {registration.hospital}")
            if (found.member, found.epoch) != (members.member(registration.hospital).address, registration.epoch):
                raise Refused(f"the dataset of member {registration.hospital} was put on chain by somebody else")
            last_block = max(last_block, found.block_number)
        return last_block

    @check(20, "posted", "The chain holds exactly this statement for the query, written after the roots, and confirmed.")
    def posted(examination: Examination) -> int:
        ledger, signed = examination.of(contract), examination.of(statement)
        examination.of(parameters)
        held = ledger.attestation(bytes.fromhex(signed.predicate.offer.query_id))
        if held is None:
            raise NotOnChain("the chain has no attestation for this query")
        if held != statement_digest(signed):
            raise Refused("the chain holds another statement for this query")
        receipt = _receipt(ledger, signed)
        if examination.of(registered) > receipt.block_number:
            raise Refused("a dataset root was put on chain after the answer")
        reached = ledger.client.confirmations(receipt)
        if reached < confirmations:
            raise NotOnChain(f"the attestation has {reached} confirmations, {confirmations} are asked for")
        return reached

    return (contract, registered, posted)


def _receipt(ledger: LiveContract[R], signed: Statement) -> R:
    """The receipt of the transaction that wrote the attestation, whoever sent it. Raises NotOnChain."""
    # Signatures do not matter here: the log is searched by query, and the state has been compared with the statement.
    call = chain_call(signed, {})
    found = ledger.find(Call(call.anchor.contract, call.calldata))
    receipt = None if found is None else ledger.client.receipt(found)
    if receipt is None or not receipt.succeeded:
        raise NotOnChain("the endpoint does not show the transaction that posted the attestation")
    return receipt
