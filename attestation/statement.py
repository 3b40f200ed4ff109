"""Builds the statement of an answered query from the frozen transcript and the opened total.

Every honest member runs this on the same inputs and gets the same bytes: nothing here is random, and nothing is taken
from a proposer. Specification: docs/spec/08-attestation.md, "Statement" and "Suppression".
"""

from collections.abc import Mapping, Sequence
from typing import Final

import prover
from attestation.errors import AttestationIncomplete, SuppressionInvalid
from circuits.finish import finish
from circuits.plan import Plan
from circuits.result import ResultTable
from privacy.disclosure import suppressed_cells, wrongly_shown_or_hidden
from protocol import canonical
from protocol.consortium import Consortium
from protocol.messages import Contribution, Decision, Freeze, SignedMessage
from protocol.parameters import PROTOCOL_VERSION, SCALAR_BYTES
from protocol.query import Offer
from protocol.statement import (
    Aggregate,
    Assurance,
    ChainAnchor,
    MemberLog,
    Part,
    Predicate,
    Sha256,
    Statement,
    Subject,
)
from prover.backend import Backend

# What this version of the protocol can back. A verifier accepts exactly this: more would be a lie, less a downgrade.
ASSURANCE: Final = Assurance(aggregate="proven", contribution="proven", dataset="proven", noise="none")


def build_statement(
    *,
    consortium: Consortium,
    chain: ChainAnchor,
    offer: Offer,
    plan: Plan,
    contributions: Sequence[Contribution],
    freeze: Freeze,
    decisions: Mapping[int, Decision],
    secrets: bytes,
) -> Statement:
    """The statement about one query.

    Args:
        contributions: of the qualified set, in order of hospital. Their proofs are verified before a hospital qualifies.
        decisions: of every member that decided, by member index.
        secrets: the interpolated total (r, y_1 .. y_K), 32 bytes each.

    Raises:
        AttestationIncomplete: the contributions are not those of the freeze.
        OpeningMismatch: `secrets` do not open the sum of the contributions.
    """
    if tuple(contribution.digest for contribution in contributions) != freeze.contributions:
        raise AttestationIncomplete("the contributions are not those that were frozen")
    prover.check_scalars(secrets, 1 + plan.cells)
    blinding, values = secrets[:SCALAR_BYTES], opened_values(secrets)
    total = total_commitment([contribution.commitment for contribution in contributions])
    prover.check_outputs(total, values, blinding)
    aggregate = _aggregate(plan, values, blinding, freeze)
    return Statement(
        subject=(Subject(result=Sha256(sha256=result_digest(plan, visible_cells(aggregate), freeze.minimum_cohort))),),
        predicate=Predicate(
            protocol=PROTOCOL_VERSION,
            generators=prover.generator_digest(),
            consortium=consortium.digest,
            chain=chain,
            offer=offer,
            plan_hash=plan.hash,
            cell_count=plan.cells,
            parts=tuple(
                Part(hospital=c.hospital, root=c.root, contribution=c.digest, commitment=c.commitment) for c in contributions
            ),
            left_out=freeze.left_out,
            blamed=freeze.blamed,
            freeze=freeze.digest,
            minimum_cohort=freeze.minimum_cohort,
            logs=member_logs(decisions),
            aggregate=aggregate,
            assurance=ASSURANCE,
        ),
    )


def _aggregate(plan: Plan, values: Sequence[int], blinding: bytes, freeze: Freeze) -> Aggregate:
    suppressed = tuple(suppressed_cells(plan, list(values), freeze.minimum_cohort))
    if not suppressed:
        return Aggregate(cells=tuple(map(str, values)), suppressed=(), blinding=blinding.hex(), representation=None)
    # With the blinding, anybody could test guesses of the suppressed cells against what remains of the commitment.
    witness = blinding + b"".join(prover.scalar_from_int(values[k]) for k in suppressed)
    proof = prover.prove_representation(
        representation_indices(suppressed),
        witness,
        context=bytes.fromhex(freeze.digest),
        nonce_seed=b"",  # the witness holds the blinding, which alone has full entropy
    )
    hidden = frozenset(suppressed)
    return Aggregate(
        cells=tuple(None if k in hidden else str(value) for k, value in enumerate(values)),
        suppressed=suppressed,
        blinding=None,
        representation=proof.hex(),
    )


def opened_values(secrets: bytes) -> list[int]:
    """y_1 .. y_K of (r, y_1 .. y_K) as signed integers."""
    scalars = [secrets[i : i + SCALAR_BYTES] for i in range(SCALAR_BYTES, len(secrets), SCALAR_BYTES)]
    return [prover.int_from_scalar(scalar, signed=True) for scalar in scalars]


def total_commitment(commitments: Sequence[str], backend: Backend = prover) -> bytes:
    """The sum of the hospitals' output commitments, which are hexadecimal."""
    return backend.add_points(b"".join(map(bytes.fromhex, commitments)))


def representation_indices(suppressed: Sequence[int]) -> list[int]:
    """The generators that the remainder of the commitment is made of: U_0, and U_{k+1} of each suppressed cell k."""
    return [0, *(k + 1 for k in suppressed)]


def visible_cells(aggregate: Aggregate) -> list[int | None]:
    """The opened cells as integers, None where suppressed."""
    return [None if cell is None else int(cell) for cell in aggregate.cells]


def check_suppression(plan: Plan, cells: Sequence[int | None], minimum: int) -> None:
    """Check that exactly the cells are suppressed that the rule demands, as far as the visible cells tell.

    That a suppressed cohort really was too small cannot be seen.

    Raises:
        SuppressionInvalid: a cell is visible that must not be, or suppressed without reason.
    """
    if wrongly_shown_or_hidden(plan, cells, minimum):
        raise SuppressionInvalid("the suppressed cells are not those of the rule for small cohorts")


def result_digest(plan: Plan, cells: list[int | None], minimum: int) -> str:
    """Digest of the finished table: the subject of the statement."""
    return table_digest(finish(plan, cells, minimum))


def table_digest(table: ResultTable) -> str:
    """Digest of a finished table."""
    return canonical.digest(table.to_dict())


def member_logs(decisions: Mapping[int, Decision]) -> tuple[MemberLog, ...]:
    """The log heads of every member that decided, in order of member."""
    return tuple(
        MemberLog(hospital=index, sequence=decision.log.sequence, head=decision.log.head)
        for index, decision in sorted(decisions.items())
    )


def decisions_digest(messages: Sequence[SignedMessage]) -> str:
    """What contributions and freezes call `decisions`: the digest of the digests of all decisions, in order of sender."""
    return canonical.digest([message.digest for message in sorted(messages, key=lambda message: message.sender)])
