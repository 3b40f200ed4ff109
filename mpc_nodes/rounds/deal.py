"""Round 2, deal: a hospital that takes part commits to its cells and deals shares of them to the committee.

Blinder, coefficients and seals are fresh in every call. A node calls `answer` once a query: what it made is stored before
it is sent, and sent again if asked again (attacks.md I6). Specification: docs/spec/06-rounds.md, "Deal".
"""

from collections.abc import Callable, Sequence

import prover
from mpc_nodes.errors import HospitalDeclined, QuorumMissing, RoundInputsInvalid, TooFewHospitals
from mpc_nodes.rounds import decision as decision_round
from mpc_nodes.sealing import seal
from mpc_nodes.session import Dealt, Decided, Identity
from protocol.messages import Contribution, Deal, Round, SignedMessage
from protocol.parameters import POINT_BYTES
from protocol.signatures import sign_contribution
from protocol.signing import seal_info


def receive(identity: Identity, state: Decided, messages: tuple[SignedMessage, ...]) -> Dealt:
    """Take in all decisions.

    Raises:
        SignatureInvalid, RoundInputsInvalid: of the messages.
        QuorumMissing: with this committee no set can be frozen.
    """
    if any(message.round is not Round.DECISION for message in messages):
        raise RoundInputsInvalid("a deal needs the decisions and nothing else")
    decisions = decision_round.receive(identity, state.offered.offer, state.message, messages)
    if len(decisions.committee) < identity.consortium.quorum:
        raise QuorumMissing(f"{len(decisions.committee)} members take part, {identity.consortium.quorum} are needed")
    return Dealt(decided=state, decisions=decisions)


def check_worth_dealing(state: Dealt) -> None:
    """Check that this hospital can be in a qualified set. Raises HospitalDeclined, TooFewHospitals."""
    own = state.decided.decision
    if not own.accept:
        raise HospitalDeclined(f"this hospital refused the query: {own.refusal}")
    accepting, minimum = len(state.decisions.accepting), own.minimum_hospitals
    if accepting < minimum:
        raise TooFewHospitals(f"{accepting} hospitals accept, the policy asks for {minimum}")


def answer(identity: Identity, state: Dealt, values: Sequence[int], entropy: Callable[[int], bytes]) -> Deal:
    """The deal of the cells `values`, with fresh randomness."""
    consortium = identity.consortium
    blinding = prover.random_scalars(1, entropy)
    secrets = blinding + b"".join(prover.scalar_from_int(value) for value in values)
    coefficients = prover.random_scalars(consortium.threshold * (1 + len(values)), entropy)
    dealing = prover.deal(secrets, consortium.size, consortium.threshold, coefficients)
    points = [dealing.commitments[i : i + POINT_BYTES].hex() for i in range(0, len(dealing.commitments), POINT_BYTES)]
    contribution = contribute(identity, state, points)
    return Deal(
        contribution=sign_contribution(identity.keys.signing, contribution),
        shares=seal_shares(identity, state, dealing.shares),
    )


def contribute(identity: Identity, state: Dealt, points: Sequence[str]) -> Contribution:
    """The public part: what is committed to (`points` are A_0 .. A_t), and everything that it is about."""
    offered, root = state.offered, state.decided.decision.root
    if root is None:
        raise HospitalDeclined("a hospital that refused has nothing to contribute")
    return Contribution(
        generators=prover.generator_digest(),
        consortium=identity.consortium.digest,
        offer=offered.offer.digest,
        query_id=offered.offer.query_id,
        nonce=offered.offer.nonce,
        plan_hash=offered.plan.hash,
        schema_hash=offered.schema.hash,
        decisions=state.decisions.digest,
        hospital=identity.index,
        root=root,
        commitment=points[0],
        sharing=tuple(points[1:]),
    )


def seal_shares(identity: Identity, state: Dealt, shares: Sequence[bytes]) -> tuple[str, ...]:
    """The share of each member of the committee, sealed; empty for the others."""
    consortium, query_id = identity.consortium, state.offered.offer.query_id
    sealed = []
    for receiver, share in enumerate(shares, start=1):
        if receiver not in state.decisions.committee:
            sealed.append("")
            continue
        key = state.decisions.by_member[receiver].keys[identity.index - 1]
        info = seal_info(consortium.digest, query_id, Round.DEAL, identity.index, receiver)
        sealed.append(seal(share, key, info).hex())
    return tuple(sealed)
