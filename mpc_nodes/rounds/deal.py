"""Round 2, deal: a hospital that takes part commits to its cells, deals shares of them and proves that they are its table's.

    1. Every chunk's cells are computed and committed to; the sum of the chunks is what is dealt.
    2. The sum is shared; now everything that the proof is about is fixed.
    3. Every chunk is proved. The contribution names the digest of the proofs, and is signed.

Blinders, coefficients, masks and seals are fresh in every call. A node calls `answer` once a query: what it made is stored
before it is sent, and sent again if asked again (attacks.md I6). Specification: docs/spec/06-rounds.md, "Deal".
"""

from collections.abc import Callable, Sequence
from typing import Final

import prover
from mpc_nodes.errors import DealTooLarge, HospitalDeclined, QuorumMissing, RoundInputsInvalid, TooFewHospitals
from mpc_nodes.rounds import decision as decision_round
from mpc_nodes.sealing import seal
from mpc_nodes.session import Dealt, Decided, Identity
from protocol import canonical
from protocol.messages import Contribution, Deal, Round, SignedMessage
from protocol.parameters import POINT_BYTES
from protocol.relay import max_deal_bytes
from protocol.signatures import sign_contribution
from protocol.signing import seal_info
from prover.contribution import ChunkCells, CommittedTable, compute_chunks, prove_contribution

_NO_PROOF: Final = "00" * 32  # in a draft: what is proved does not name the proof


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


def answer(
    identity: Identity, state: Dealt, table: CommittedTable, entropy: Callable[[int], bytes], *, threads: int = 1
) -> Deal:
    """The deal of what the plan gives on `table`, with fresh randomness.

    Raises:
        SnapshotDamaged: the table is not the one that was committed.
        DealTooLarge: the deals of all members could not be passed on together.
    """
    consortium, plan = identity.consortium, state.offered.plan
    cells = compute_chunks(plan, table, entropy)
    secrets = total(cells)
    coefficients = prover.random_scalars(consortium.threshold * (1 + plan.cells), entropy)
    dealing = prover.deal(secrets, consortium.size, consortium.threshold, coefficients)
    points = [dealing.commitments[i : i + POINT_BYTES].hex() for i in range(0, len(dealing.commitments), POINT_BYTES)]
    draft = contribute(identity, state, points)
    proof = prove_contribution(draft, plan, table, cells, entropy=entropy, threads=threads)
    deal = Deal(
        contribution=sign_contribution(identity.keys.signing, proven_by(draft, proof)),
        proof=proof.hex(),
        shares=seal_shares(identity, state, dealing.shares),
    )
    if len(deal.encoded) > max_deal_bytes(consortium.size):
        raise DealTooLarge(f"the deal has {len(deal.encoded)} bytes, at most {max_deal_bytes(consortium.size)} can be sent")
    return deal


def total(cells: Sequence[ChunkCells]) -> bytes:
    """(r, y_1 .. y_K) of a table: the sum over its chunks."""
    return prover.add_vectors(
        [chunk.blinding + b"".join(prover.scalar_from_int(value) for value in chunk.values) for chunk in cells]
    )


def contribute(identity: Identity, state: Dealt, points: Sequence[str]) -> Contribution:
    """The public part: what is committed to (`points` are A_0 .. A_t), and everything that it is about; no proof yet."""
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
        proof=_NO_PROOF,
    )


def proven_by(draft: Contribution, proof: bytes) -> Contribution:
    """The contribution that names its proof."""
    return draft.model_copy(update={"proof": canonical.sha256_hex(proof)})


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
