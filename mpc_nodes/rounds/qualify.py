"""Who is in the answer: one pure function of what a node received, so that honest members who saw the same say the same.

Specification: docs/spec/06-rounds.md, "Qualification"; the numbers below are its steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from circuits.errors import RoundsInvalid
from mpc_nodes.errors import (
    CitationInvalid,
    ComplaintFalse,
    DecisionsDiffer,
    Equivocation,
    MessageMalformed,
    NoAnswer,
    QuorumMissing,
    ShareInvalid,
    ShareMissing,
    TooFewHospitals,
)
from mpc_nodes.rounds.inputs import Received
from mpc_nodes.rounds.verdict import open_share
from mpc_nodes.sealing import public_key
from mpc_nodes.session import Decisions, PublicDeal, ReceivedDeal
from protocol.consortium import Consortium
from protocol.errors import ProofwardError
from protocol.messages import Contribution, DealCheck, Freeze, LeftOut, Round, Verdict
from protocol.query import Offer
from protocol.signatures import SignatureInvalid, verify_message_signature


@dataclass
class _Findings:
    left_out: dict[int, str] = field(default_factory=dict)
    blamed: dict[int, str] = field(default_factory=dict)

    def blame(self, member: int, reason: str) -> None:
        self.blamed.setdefault(member, reason)  # the first reason found, in the order of the steps


def qualify(
    consortium: Consortium,
    offer: Offer,
    decisions: Decisions,
    deals: Mapping[int, ReceivedDeal],
    verdicts: Received[Verdict],
) -> Freeze:
    """The qualified set and what determined it.

    1. A member that signed a malformed message is blamed.
    2. A verdict counts if its sender is on the committee, it is about these decisions, and every deal that it cites is
       signed by its dealer; a citation that is not is the fault of the citing member.
    3. A hospital that refused, or that did not answer, is left out.
    4. Two different deals of one dealer: it is blamed.
    5. A deal that fewer than a quorum of counting verdicts cite is left out: too few members could open it.
    6. A deal whose public part is wrong is left out, and blamed on the dealer unless only the decisions differ.
    7. Complaints are judged by opening the sealed share. Upheld: the dealer is blamed and left out. Otherwise the
       complainant is blamed and its verdict counts as if it had not complained.
    8. A hospital that asks for more hospitals than there are is left out, the most demanding first: what one hospital
       writes into its policy does not stop the others.

    Raises:
        QuorumMissing: fewer than a quorum of verdicts count.
        ShareMissing: this node has no deal of a dealer that reaches step 6.
        TooFewHospitals: nobody is left.
        RoundsInvalid: the hospitals or their tables are not those of the earlier rounds.
    """
    found = _Findings()
    for member in sorted(verdicts.malformed):
        found.blame(member, MessageMalformed.code)
    counting = _counting(consortium, offer, decisions, verdicts, found)
    if len(counting) < consortium.quorum:
        raise QuorumMissing(f"{len(counting)} verdicts count, {consortium.quorum} are needed")
    qualified = []
    for dealer in range(1, consortium.size + 1):
        reason = _reason_against(consortium, offer, decisions, deals, counting, dealer, found)
        if reason is None:
            qualified.append(dealer)
        else:
            found.left_out[dealer] = reason
    qualified = _without_unmet_wishes(decisions, qualified, found)
    _check_same_hospitals(offer, [_public(deals[dealer]).contribution for dealer in qualified])
    return Freeze(
        offer=offer.digest,
        decisions=decisions.digest,
        verdicts=verdicts.digest,
        contributions=tuple(_public(deals[dealer]).contribution.digest for dealer in qualified),
        qualified=tuple(qualified),
        left_out=tuple(LeftOut(hospital=index, reason=reason) for index, reason in sorted(found.left_out.items())),
        blamed=tuple(LeftOut(hospital=index, reason=reason) for index, reason in sorted(found.blamed.items())),
        minimum_cohort=max(decisions.by_member[dealer].minimum_cohort for dealer in qualified),
    )


def _counting(
    consortium: Consortium, offer: Offer, decisions: Decisions, verdicts: Received[Verdict], found: _Findings
) -> dict[int, Mapping[int, DealCheck]]:
    """Step 2: the checks of each verdict that counts, by member and dealer."""
    counting: dict[int, Mapping[int, DealCheck]] = {}
    for member, verdict in verdicts.documents.items():
        if member not in decisions.committee or verdict.offer != offer.digest or verdict.decisions != decisions.digest:
            continue
        dealers = [check.dealer for check in verdict.checks]
        if dealers != sorted(set(dealers)):
            found.blame(member, MessageMalformed.code)
            continue
        try:
            for check in verdict.checks:
                verify_message_signature(consortium, offer.query_id, Round.DEAL, check.dealer, check.deal, check.signature)
        except SignatureInvalid:
            found.blame(member, CitationInvalid.code)
            continue
        counting[member] = {check.dealer: check for check in verdict.checks}
    return counting


def _reason_against(
    consortium: Consortium,
    offer: Offer,
    decisions: Decisions,
    deals: Mapping[int, ReceivedDeal],
    counting: Mapping[int, Mapping[int, DealCheck]],
    dealer: int,
    found: _Findings,
) -> str | None:
    """Steps 3 to 7 for one hospital: why it is left out, or None if it qualifies."""
    decision = decisions.by_member.get(dealer)
    if decision is None:
        return NoAnswer.code
    citations = {member: checks[dealer] for member, checks in counting.items() if dealer in checks}
    if len({citation.deal for citation in citations.values()}) > 1:
        found.blame(dealer, Equivocation.code)
        return decision.refusal or Equivocation.code
    if not decision.accept:
        return decision.refusal
    if len(citations) < consortium.quorum:
        return NoAnswer.code
    deal = deals.get(dealer)
    if deal is None or any(citation.deal != deal.digest for citation in citations.values()):
        raise ShareMissing(f"the deal of member {dealer} that others cite did not reach this node")
    if isinstance(deal.public, str):
        if deal.public != DecisionsDiffer.code:
            found.blame(dealer, deal.public)
        return deal.public
    upheld = False
    for member, citation in citations.items():
        if citation.complaint is None:
            continue
        if _is_upheld(consortium, offer, decisions, dealer, member, deal.public, citation.complaint):
            upheld = True
        else:
            found.blame(member, ComplaintFalse.code)
    if upheld:
        found.blame(dealer, ShareInvalid.code)
        return ShareInvalid.code
    return None


def _without_unmet_wishes(decisions: Decisions, qualified: list[int], found: _Findings) -> list[int]:
    """Step 8: the largest part of `qualified` that is as large as each of its members asks for."""
    while qualified:
        wishes = {dealer: decisions.by_member[dealer].minimum_hospitals for dealer in qualified}
        largest = max(wishes.values())
        if len(qualified) >= largest:
            return qualified
        for dealer in [dealer for dealer in qualified if wishes[dealer] == largest]:
            qualified.remove(dealer)
            found.left_out[dealer] = TooFewHospitals.code
    raise TooFewHospitals("fewer hospitals qualify than their policies ask for")


def _check_same_hospitals(offer: Offer, contributions: Sequence[Contribution]) -> None:
    """A later round looks closer at the sum that an earlier one opened: it has to be of the same tables."""
    if not offer.earlier:
        return
    found = [(contribution.hospital, contribution.root) for contribution in contributions]
    if found != [(part.hospital, part.root) for part in offer.earlier[-1].parts]:
        raise RoundsInvalid(
            "not the same hospitals and tables answer as in the earlier rounds", hint="submit the query again"
        )


def _is_upheld(
    consortium: Consortium,
    offer: Offer,
    decisions: Decisions,
    dealer: int,
    complainant: int,
    public: PublicDeal,
    complaint: str,
) -> bool:
    """Judge a complaint: the revealed key must be the announced one, and the share that it opens must be bad."""
    key = bytes.fromhex(complaint)
    try:
        if public_key(key) != decisions.by_member[complainant].keys[dealer - 1]:
            return False
        open_share(consortium, offer.query_id, dealer, complainant, public, key)
    except ShareInvalid:
        return True
    return False


def _public(deal: ReceivedDeal) -> PublicDeal:
    if isinstance(deal.public, PublicDeal):
        return deal.public
    raise ProofwardError("a hospital qualified with a deal that is not good")
