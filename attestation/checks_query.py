"""Checks 6 to 8 and 10: what was asked, of whom, over which tables, and that it compiles to the plan that was answered."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from attestation.bundle import Bundle
from attestation.checks import Examination, Refused, check
from attestation.checks_identity import consortium, form, statement
from attestation.statement import member_logs
from circuits.offered import plan_of
from circuits.plan import Plan
from circuits.registered_schema import read_schema
from circuits.schema import Schema
from protocol import canonical
from protocol.consortium import Consortium
from protocol.messages import Decision, Round, SignedMessage
from protocol.query import Offer
from protocol.signatures import open_message, verify_registration
from protocol.statement import Part, Predicate

NO_ANSWER: Final = "no-answer"  # the reason for a hospital from which no decision came


@check(6, "offer", "The statement answers one offer of this consortium, whose hash every later message carries.")
def offer(examination: Examination) -> Offer:
    predicate = examination.of(statement).predicate
    asked = predicate.offer
    if asked.consortium != predicate.consortium:
        raise Refused("the offer was made to another consortium")
    if asked.plan_hash != predicate.plan_hash:
        raise Refused("the statement is about another plan than the one that was offered")
    if asked.submitted_at > asked.expires_at:
        raise Refused("the offer expires before it was made")
    return asked


@check(7, "participants", "Every member that decided signed its decision; all others are named, with the reason.")
def participants(examination: Examination) -> dict[int, Decision]:
    predicate, pinned = examination.of(statement).predicate, examination.of(consortium)
    asked = examination.of(offer)
    _check_membership(predicate, pinned)
    decisions = _decisions(examination.of(form), pinned, asked)
    if predicate.logs != member_logs(decisions):
        raise Refused("the heads of the access logs are not those of the decisions")
    _check_parts(predicate, decisions)
    for left_out in predicate.left_out:
        decision = decisions.get(left_out.hospital)
        # Why a hospital that accepted is left out, the quorum says (step 11); the rest follows from the decisions.
        known = NO_ANSWER if decision is None else decision.refusal
        if known is not None and left_out.reason != known:
            raise Refused(f"member {left_out.hospital} is left out for another reason than the statement gives")
    return decisions


def _check_membership(predicate: Predicate, pinned: Consortium) -> None:
    """Parts and members left out are, together, every member once, each list in order."""
    everybody = list(range(1, pinned.size + 1))
    parts = [part.hospital for part in predicate.parts]
    left_out = [entry.hospital for entry in predicate.left_out]
    blamed = [entry.hospital for entry in predicate.blamed]
    for what, indices in (("parts", parts), ("members left out", left_out), ("members blamed", blamed)):
        if any(a >= b for a, b in pairwise(indices)):
            raise Refused(f"the {what} are not in order of distinct members")
        if not set(indices) <= set(everybody):
            raise Refused(f"the {what} are not all members")
    if not parts:
        raise Refused("no hospital took part")
    if sorted(parts + left_out) != everybody:
        raise Refused("parts and members left out are not every member exactly once")


def _decisions(bundle: Bundle, pinned: Consortium, asked: Offer) -> dict[int, Decision]:
    decisions: dict[int, Decision] = {}
    check_senders(bundle.decisions, pinned, "decisions")
    for message in bundle.decisions:
        decision = open_message(pinned, message, Round.DECISION, asked.query_id, Decision)
        if decision.offer != asked.digest:
            raise Refused(f"the decision of member {message.sender} is about another offer")
        if decision.accept is (decision.root is None) or decision.accept is (decision.refusal is not None):
            raise Refused(f"the decision of member {message.sender} neither accepts nor refuses")
        decisions[message.sender] = decision
    return decisions


def check_senders(messages: Sequence[SignedMessage], pinned: Consortium, what: str) -> None:
    """Check that the senders are distinct members in order. Raises Refused."""
    senders = [message.sender for message in messages]
    if not set(senders) <= set(range(1, pinned.size + 1)) or any(a >= b for a, b in pairwise(senders)):
        raise Refused(f"the {what} are not in order of distinct members")


def _check_parts(predicate: Predicate, decisions: dict[int, Decision]) -> None:
    accepted = []
    for part in predicate.parts:
        decision = decisions.get(part.hospital)
        if decision is None or not decision.accept:
            raise Refused(f"member {part.hospital} takes part but did not accept the query")
        if decision.root != part.root:
            raise Refused(f"member {part.hospital} takes part with another dataset than it accepted with")
        accepted.append(decision)
    if predicate.minimum_cohort != max(decision.minimum_cohort for decision in accepted):
        raise Refused("the minimum cohort is not the largest that a hospital demands")
    if len(accepted) < max(decision.minimum_hospitals for decision in accepted):
        raise Refused("fewer hospitals take part than one of them demands")


@check(8, "datasets", "Each part used a table that its hospital had registered, with the schema of the query.")
def datasets(examination: Examination) -> Schema:
    bundle, pinned, asked = examination.of(form), examination.of(consortium), examination.of(offer)
    parts: Sequence[Part] = examination.of(statement).predicate.parts
    if not parts or len(bundle.registrations) != len(parts):
        raise Refused("there is not one registration for each part")
    pins = {(dataset.hospital, dataset.root) for dataset in examination.trust.datasets}
    for part, signed in zip(parts, bundle.registrations, strict=True):
        registration = verify_registration(pinned, signed)
        who = f"the dataset of member {part.hospital}"
        if (registration.hospital, registration.root) != (part.hospital, part.root):
            raise Refused(f"{who} is not the one that was registered")
        if registration.consortium != pinned.digest:
            raise Refused(f"{who} is registered with another consortium")
        if registration.dataset != asked.dataset:
            raise Refused(f"{who} has another name than the one that was asked for")
        if not registration.schema_hash == asked.schema_hash == canonical.digest(registration.table_schema):
            raise Refused(f"{who} has another schema than the query")
        if registration.generators != examination.backend.generator_digest():
            raise Refused(f"{who} is committed to with other generators")
        if registration.valid_from > asked.submitted_at:
            raise Refused(f"{who} was registered after the query")
        if pins and (part.hospital, part.root) not in pins:
            raise Refused(f"{who} is not among those that are pinned")
    return read_schema(bundle.registrations[0].registration.table_schema)


@check(10, "plan", "The SQL of the offer, compiled again over the registered schema, is the plan that was answered.")
def plan(examination: Examination) -> Plan:
    predicate, schema = examination.of(statement).predicate, examination.of(datasets)
    compiled = plan_of(examination.of(offer), schema)
    if compiled.hash != predicate.plan_hash:
        raise Refused("the query compiles to another plan than the one that was answered")
    if compiled.cells != predicate.cell_count:
        raise Refused("the plan has another number of cells than the statement says")
    return compiled
