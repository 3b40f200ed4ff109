"""Round 1, decision: a hospital reads an offer, decides, and gives one-time keys to be sealed to.

A hospital that refuses still serves on the committee, if it agrees with the hub on what is to be computed. If it does not
(another plan, another schema, SQL that it cannot read), it gives no keys and has no part in the later rounds.
Specification: docs/spec/06-rounds.md, "Decision".
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from circuits.offered import plan_of
from circuits.schema import Schema
from mpc_nodes.errors import ConsortiumDiffers, OfferExpired, OfferPlanDiffers, OfferSchemaDiffers, RoundInputsInvalid
from mpc_nodes.rounds.inputs import receive as receive_messages
from mpc_nodes.sealing import check_public_key, new_private_key, public_key
from mpc_nodes.session import Decisions, Identity, Offered
from protocol.consortium import Consortium
from protocol.errors import ProofwardError
from protocol.messages import Decision, LogHead, Round, SignedMessage
from protocol.query import Offer


@dataclass(frozen=True)
class Consent:
    """A hospital's yes: which table it will answer from, and on which conditions."""

    root: str
    minimum_cohort: int
    minimum_hospitals: int


@dataclass(frozen=True)
class OneTimeKeys:
    """Fresh keys, the i-th for what member i+1 seals for this node."""

    private: tuple[bytes, ...] = field(repr=False)  # not printed: they open this node's shares
    public: tuple[str, ...]


def check_offer(identity: Identity, offer: Offer, now: int) -> None:
    """Check what must hold before a hospital even decides.

    Raises:
        ConsortiumDiffers: the offer is for another consortium; its members, threshold or protocol differ from ours.
        OfferExpired: it is too late.
    """
    if offer.consortium != identity.consortium.digest:
        raise ConsortiumDiffers("the offer names another consortium than this node's")
    if offer.expires_at <= now:
        raise OfferExpired("the offer has expired")


def read_offer(offer: Offer, schema: Schema) -> Offered:
    """Compile the SQL of the offer with this hospital's own schema and compare with what the hub announced.

    Raises:
        OfferSchemaDiffers, OfferPlanDiffers: the hub means something else.
        ProofwardError: the SQL has no plan (errors of `circuits`).
    """
    if schema.hash != offer.schema_hash:
        raise OfferSchemaDiffers(f"the offer is not about the schema of {offer.dataset} that is registered here")
    plan = plan_of(offer, schema)
    if plan.hash != offer.plan_hash:
        raise OfferPlanDiffers("the SQL of the offer does not compile to the plan that the offer names")
    return Offered(offer=offer, schema=schema, plan=plan)


def new_keys(consortium: Consortium, entropy: Callable[[int], bytes]) -> OneTimeKeys:
    """Keys for one query; never used for another."""
    private = tuple(new_private_key(entropy) for _ in consortium.members)
    return OneTimeKeys(private=private, public=tuple(public_key(key) for key in private))


def answer(offer: Offer, verdict: Consent | ProofwardError, keys: tuple[str, ...], log: LogHead) -> Decision:
    """The decision. A refusal carries the code of the rule, nothing else."""
    if isinstance(verdict, ProofwardError):
        return Decision(
            offer=offer.digest,
            accept=False,
            refusal=verdict.code,
            root=None,
            minimum_cohort=0,
            minimum_hospitals=0,
            keys=keys,
            log=log,
        )
    return Decision(
        offer=offer.digest,
        accept=True,
        refusal=None,
        root=verdict.root,
        minimum_cohort=verdict.minimum_cohort,
        minimum_hospitals=verdict.minimum_hospitals,
        keys=keys,
        log=log,
    )


def receive(identity: Identity, offer: Offer, own: SignedMessage, messages: tuple[SignedMessage, ...]) -> Decisions:
    """All decisions on the offer, this node's among them.

    Raises:
        SignatureInvalid: a message is not its sender's decision on this query.
        RoundInputsInvalid: this node's own decision is not among them, or one is not what a decision must be.
    """
    received = receive_messages(identity.consortium, offer.query_id, Round.DECISION, messages, Decision)
    if received.messages.get(identity.index) != own:
        raise RoundInputsInvalid("the decisions do not include this node's own")
    for index in received.messages:
        if index in received.malformed or not is_well_formed(identity.consortium, offer, received.documents[index]):
            # The hub sees this too and leaves such a member out (`usable`); here it would only spoil the attestation.
            raise RoundInputsInvalid(f"member {index} has not sent a decision on this offer")
    return Decisions(digest=received.digest, by_member=received.documents)


def usable(consortium: Consortium, offer: Offer, messages: Iterable[SignedMessage]) -> tuple[SignedMessage, ...]:
    """The decisions with which a hub goes on: one bad one would make every node refuse all of them."""
    found = []
    for message in messages:
        try:
            received = receive_messages(consortium, offer.query_id, Round.DECISION, [message], Decision)
        except ProofwardError:
            continue
        if all(is_well_formed(consortium, offer, decision) for decision in received.documents.values()):
            found += [received.messages[index] for index in received.documents]
    return tuple(found)


def is_well_formed(consortium: Consortium, offer: Offer, decision: Decision) -> bool:
    """Whether a decision is one that an honest member can have made on this offer."""
    if decision.offer != offer.digest:
        return False
    if decision.accept:
        if decision.refusal is not None or decision.root is None or not decision.keys:
            return False
    elif decision.refusal is None or decision.root is not None or decision.minimum_cohort or decision.minimum_hospitals:
        return False
    if not decision.keys:
        return True
    if len(decision.keys) != consortium.size or len(set(decision.keys)) != consortium.size:
        return False
    try:
        for key in decision.keys:
            check_public_key(key)
    except ProofwardError:
        return False
    return True
