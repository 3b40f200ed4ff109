"""Every statistic as it is proved: its relation is its cells, its proof is accepted, and a lie in any of its cells is not.

`tests/statistics/patients.py` has a question for each name of the catalogue; order statistics are taken through all rounds.
"""

import random
import secrets
from dataclasses import dataclass, replace
from functools import cache

import pytest

import prover
import prover.reference
from circuits.admission import admission_parts
from circuits.catalogue import NAMES
from circuits.chunk import EncodedChunk
from circuits.evaluate import evaluate
from circuits.plan import Opened, Plan, next_round
from circuits.relation import contribution_relation
from protocol.dataset import Registration, SignedRegistration
from protocol.messages import Contribution
from protocol.parameters import GROUP_ORDER, POINT_BYTES
from prover.admission import prove_admission
from prover.backend import Backend
from prover.commit import CommitmentBlob, commit_dataset, shape
from prover.contribution import CommittedTable, ProvenContribution, compute_chunks, prove_contribution, verify_contributions
from prover.errors import ContributionProofInvalid
from prover.package import ChunkEvidence, Package, admission_digest, dataset_id, decode_package, encode_package
from tests.properties.onehot import row_of, row_value
from tests.statistics.patients import QUESTIONS, SCHEMA, random_patients, sql_of
from tests.statistics.pooled import Pool

ROWS = 1024
ZERO = "00" * 32


@cache
def small() -> Pool:
    return Pool.of(SCHEMA, [random_patients(40, seed=3)])


@cache
def plans(name: str, rest: str = "") -> tuple[Plan, ...]:
    """The plans of all rounds."""
    return tuple(plan for plan, _ in small().rounds(sql_of(name, rest)))


def chunk() -> EncodedChunk:
    ((found,),) = small().hospitals
    return found


def test_there_is_a_question_for_every_name() -> None:
    assert set(QUESTIONS) == set(NAMES)


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("rest", ["", "WHERE ward <> 'b'"])
def test_the_relation_of_every_round_sums_to_its_weighted_cells(name: str, rest: str) -> None:
    rng = random.Random(f"{name} {rest}")
    for plan in plans(name, rest):
        gamma = rng.randrange(GROUP_ORDER)
        relation = contribution_relation(plan, gamma)
        cells = evaluate(plan, [chunk()])
        expected = sum(pow(gamma, k, GROUP_ORDER) * cell for k, cell in enumerate(cells)) % GROUP_ORDER
        found = [row_value(relation, row_of(chunk(), index)) for index in range(chunk().real + 1)]
        assert found[-1] == 0, "padding adds nothing"
        assert sum(found) % GROUP_ORDER == expected


@dataclass(frozen=True)
class Owned:
    """A committed table, and what is public about it."""

    table: CommittedTable
    package: Package


@cache
def owned() -> Owned:
    secret = secrets.token_bytes(32)
    blobs: list[CommitmentBlob] = []
    committed = commit_dataset([chunk()], dataset_id=dataset_id(2, "patients"), epoch=1, secret=secret, store=blobs.append)
    draft = Registration(
        consortium=ZERO, hospital=2, dataset="patients", epoch=1, table_schema=SCHEMA.canonical(), schema_hash=SCHEMA.hash,
        generators=prover.generator_digest(), chunk_rows=ROWS, chunks=1, columns=shape(ROWS)[1],
        commitments=committed.root, admission=ZERO, salt=ZERO, valid_from=0,
    )  # fmt: skip
    (proof,) = prove_admission(draft, SCHEMA, [chunk()], committed.leaves, secret)
    registration = draft.model_copy(update={"admission": admission_digest([proof])})
    evidence = ChunkEvidence(ROWS, {blob.digit: blob.points for blob in blobs}, proof)
    names = tuple(digit.name for digit in SCHEMA.digits)
    table = CommittedTable(registration, committed.leaves, names, secret, lambda: [chunk()])
    signed = SignedRegistration(registration=registration, signature="00" * 64)
    return Owned(table, decode_package(encode_package(signed, [evidence])))


def contribution(plan: Plan, commitment: bytes) -> Contribution:
    return Contribution(
        generators=prover.generator_digest(), consortium=ZERO, offer=ZERO, query_id=ZERO, nonce=ZERO,
        plan_hash=plan.hash, schema_hash=SCHEMA.hash, decisions=ZERO, hospital=2, root=owned().table.registration.root,
        commitment=commitment.hex(), sharing=("00" * 64,), proof=ZERO,
    )  # fmt: skip


def proven(plan: Plan) -> ProvenContribution:
    own = owned()
    cells = compute_chunks(plan, own.table)
    given = contribution(plan, cells[0].commitment)
    return ProvenContribution(given, plan, own.package, prove_contribution(given, plan, own.table, cells))


def lying(plan: Plan, rng: random.Random) -> ProvenContribution:
    """A commitment to other cells, with the proof of the true ones: what a hospital can do that rounds a number up."""
    own = owned()
    (honest,) = compute_chunks(plan, own.table)
    values = list(honest.values)
    values[rng.randrange(len(values))] += rng.choice([1, -1, 7])
    lie = prover.commit_outputs(values, honest.blinding)
    truth = proven(plan)
    return replace(truth, contribution=contribution(plan, lie), proof=lie + truth.proof[POINT_BYTES:])


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_statistic_is_proved_and_no_lie_about_it(name: str) -> None:
    rng = random.Random(name)
    for plan in plans(name):
        honest = proven(plan)
        verify_contributions([honest])
        for lie in (lying(plan, rng), replace(honest, proof=_flipped(honest.proof, rng))):
            with pytest.raises(ContributionProofInvalid):
                verify_contributions([lie])


@pytest.mark.parametrize(("name", "other"), [("HISTOGRAM", "QUANTILES"), ("TTEST", "RISK"), ("LINEAR", "CORRELATION")])
def test_the_proof_of_another_statistic_proves_nothing(name: str, other: str) -> None:
    mine, theirs = proven(plans(name)[0]), proven(plans(other)[0])
    with pytest.raises(ContributionProofInvalid):
        verify_contributions([replace(mine, proof=mine.proof[:POINT_BYTES] + theirs.proof[POINT_BYTES:])])
    with pytest.raises(ContributionProofInvalid):
        verify_contributions([replace(theirs, plan=mine.plan)])


def test_a_proof_of_one_round_is_none_of_another() -> None:
    """Also between rounds whose plans differ only in where the search looks."""
    first = plans("MEDIAN")[1]
    (before, opened) = first.earlier[-1]
    (search,) = before.searches
    cells = tuple(cell if index <= search.count else 0 for index, cell in enumerate(opened.cells))
    elsewhere = next_round(before, Opened(cells, 1))
    assert elsewhere is not None
    assert elsewhere.hash != first.hash
    honest = proven(first)
    with pytest.raises(ContributionProofInvalid):
        verify_contributions([replace(honest, plan=elsewhere)])


@pytest.mark.parametrize("name", ["HISTOGRAM", "LINEAR"])
def test_the_reference_agrees(name: str) -> None:
    reference: Backend = prover.reference
    plan = plans(name)[0]
    verify_contributions([proven(plan)], reference)
    with pytest.raises(ContributionProofInvalid):
        verify_contributions([lying(plan, random.Random(name))], reference)


def _flipped(proof: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(POINT_BYTES, len(proof))
    return proof[:place] + bytes([proof[place] ^ (1 << rng.randrange(8))]) + proof[place + 1 :]


def test_the_table_is_admitted_in_one_part() -> None:
    assert len(admission_parts(SCHEMA)) == 1
