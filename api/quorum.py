"""What a closed round amounts to: who is on the committee, which set is frozen, whether enough members say the same.

The hub is not trusted for any of it: every node and every verifier computes the same from the signed messages. This is the
hub's own view, so that it stops early and says why.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from attestation.bundle import MAX_BUNDLE_BYTES
from attestation.sign import recover_signer
from mpc_nodes.errors import QuorumMissing, TooFewHospitals
from mpc_nodes.hub import RoundResult
from mpc_nodes.rounds.decision import usable
from protocol.consortium import Consortium
from protocol.document import Document
from protocol.errors import REGISTRY, ProofwardError
from protocol.messages import (
    Deal,
    Decision,
    Endorsement,
    Freeze,
    Round,
    SignedContribution,
    SignedMessage,
)
from protocol.query import Offer
from protocol.signatures import open_message
from protocol.statement import Statement

D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class Committee:
    """The well-formed decisions of a query, by member; the rest of the query is bound to exactly these."""

    messages: Mapping[int, SignedMessage]
    decisions: Mapping[int, Decision]

    @property
    def accepting(self) -> list[int]:
        """Members whose hospital takes part."""
        return [index for index, decision in sorted(self.decisions.items()) if decision.accept]

    @property
    def roots(self) -> list[str]:
        """The tables from which hospitals will answer."""
        return [decision.root for _, decision in sorted(self.decisions.items()) if decision.root is not None]

    @property
    def members(self) -> list[int]:
        """Members that gave one-time keys and so do committee duty."""
        return [index for index, decision in sorted(self.decisions.items()) if decision.keys]


def committee(consortium: Consortium, offer: Offer, decided: RoundResult) -> Committee:
    """The committee that the decisions make."""
    messages = {message.sender: message for message in usable(consortium, offer, decided.messages.values())}
    return Committee(messages, _open(consortium, offer, Round.DECISION, messages, Decision))


def admitted(consortium: Consortium, found: Committee, holders: Mapping[str, frozenset[int]]) -> Committee:
    """The committee without hospitals that would answer from a table that fewer than a quorum of members have verified.

    The others could not judge such a deal, and one hospital with an invented root would stop every query.

    Args:
        holders: the members that verified a root's package, when the decisions were closed.
    """
    kept = {
        index: decision
        for index, decision in found.decisions.items()
        if decision.root is None or len(holders.get(decision.root, ())) >= consortium.quorum
    }
    return Committee({index: found.messages[index] for index in kept}, kept)


def check_committee(consortium: Consortium, found: Committee, decided: RoundResult) -> None:
    """Check that the query can go on.

    Raises:
        QuorumMissing: too few members do committee duty.
        TooFewHospitals: no hospital takes part, or fewer than every one of them asks for.
    """
    if len(found.members) < consortium.quorum:
        raise _shortfall(f"{len(found.members)} members take part, {consortium.quorum} are needed", decided)
    accepting = found.accepting
    needed = min((found.decisions[index].minimum_hospitals for index in accepting), default=1)
    if len(accepting) < max(needed, 1):
        reasons = _listed(
            (consortium.member(index).name, decision.refusal)
            for index, decision in sorted(found.decisions.items())
            if decision.refusal is not None
        )
        raise TooFewHospitals(f"{len(accepting)} hospitals take part, {max(needed, 1)} are needed", where=reasons)


def check_deals(dealt: RoundResult) -> None:
    """Check that anybody dealt. Raises TooFewHospitals, or the error that several of them gave."""
    if not dealt.messages:
        raise _shortfall("no hospital dealt", dealt, TooFewHospitals)


def check_enough(needed: int, closed: RoundResult, round_: Round) -> None:
    """Check that a round has `needed` messages. Raises QuorumMissing, or the error that more than half of them gave."""
    if len(closed.messages) < needed:
        raise _shortfall(f"{len(closed.messages)} members answered the {round_} round, {needed} are needed", closed)


def equal_bodies(needed: int) -> Callable[[Mapping[int, SignedMessage]], bool]:
    """Whether `needed` messages say the same, byte for byte."""

    def enough(messages: Mapping[int, SignedMessage]) -> bool:
        return max(Counter(message.body for message in messages.values()).values(), default=0) >= needed

    return enough


def equal_statements(consortium: Consortium, offer: Offer, needed: int) -> Callable[[Mapping[int, SignedMessage]], bool]:
    """Whether `needed` endorsements are of one statement; their signatures are looked at afterwards."""

    def enough(messages: Mapping[int, SignedMessage]) -> bool:
        endorsements = _open(consortium, offer, Round.ATTEST, messages, Endorsement)
        counts = Counter(endorsement.statement for endorsement in endorsements.values())
        return max(counts.values(), default=0) >= needed

    return enough


def certificate(consortium: Consortium, offer: Offer, frozen: RoundResult) -> tuple[Freeze, list[int]]:
    """The set that a quorum froze, and who froze it.

    Raises:
        QuorumMissing: there is none, or the error that the members gave instead, such as TooFewHospitals.
    """
    counts = Counter(message.body for message in frozen.messages.values())
    body, count = max(counts.items(), key=lambda entry: entry[1], default=("", 0))
    if count < consortium.quorum:
        raise _shortfall(f"{count} members froze the same set, {consortium.quorum} are needed", frozen)
    signers = [index for index, message in sorted(frozen.messages.items()) if message.body == body]
    return open_message(consortium, frozen.messages[signers[0]], Round.FREEZE, offer.query_id, Freeze), signers


def attestation(consortium: Consortium, offer: Offer, endorsed: RoundResult) -> tuple[Statement, dict[str, str]]:
    """The statement that t+1 members signed, and their signatures by address, hexadecimal.

    Raises:
        QuorumMissing: there is none, or the error that the members gave instead.
    """
    signers: dict[str, dict[str, str]] = {}
    statements: dict[str, Statement] = {}
    for index, endorsement in _open(consortium, offer, Round.ATTEST, endorsed.messages, Endorsement).items():
        address = consortium.member(index).address
        try:
            data = bytes.fromhex(endorsement.statement)
            statement = Statement.from_bytes(data, limit=MAX_BUNDLE_BYTES)
            signer = recover_signer(statement, bytes.fromhex(endorsement.signature))
        except ProofwardError:
            continue  # a member that signs nonsense is one that did not answer
        if signer == address and statement.encoded == data and statement.predicate.offer == offer:
            statements[endorsement.statement] = statement
            signers.setdefault(endorsement.statement, {})[address] = endorsement.signature
    best = max(signers, key=lambda text: len(signers[text]), default=None)
    if best is None or len(signers[best]) <= consortium.threshold:
        count = 0 if best is None else len(signers[best])
        raise _shortfall(f"{count} members signed the same statement, {consortium.threshold + 1} are needed", endorsed)
    return statements[best], signers[best]


def contributions(consortium: Consortium, offer: Offer, dealt: RoundResult) -> list[SignedContribution]:
    """The signed contributions of all who dealt."""
    deals = _open(consortium, offer, Round.DEAL, dealt.messages, Deal)
    return [deal.contribution for deal in deals.values()]


def _open(
    consortium: Consortium, offer: Offer, round_: Round, messages: Mapping[int, SignedMessage], document: type[D]
) -> dict[int, D]:
    """The documents of `messages`, whose signatures and forms the hub has checked when they came."""
    return {index: open_message(consortium, message, round_, offer.query_id, document) for index, message in messages.items()}


def _shortfall(message: str, closed: RoundResult, default: type[ProofwardError] = QuorumMissing) -> ProofwardError:
    """Why a round fell short: what most of those say who refused, if they agree, else `default`."""
    codes = Counter(refusal.code for refusal in closed.refusals.values())
    code, count = max(codes.items(), key=lambda entry: entry[1], default=("", 0))
    known = REGISTRY.get(code)
    reasons = _listed((f"member {index}", refusal.code) for index, refusal in sorted(closed.refusals.items()))
    silent = [f"member {index}: no-answer" for index in closed.silent]
    where = ", ".join(filter(None, [reasons, *silent])) or None
    if known is not None and 2 * count > len(closed.refusals) and known.__init__ is ProofwardError.__init__:
        return known(message, where=where)
    return default(message, where=where)


def _listed(entries: Iterable[tuple[str, str | None]]) -> str:
    return ", ".join(f"{name}: {reason}" for name, reason in entries)
