"""Relations as they are proved: the admission of a table with rules, and the contributions of random queries."""

import random
import secrets
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

import prover
import prover.reference
from circuits.admission import admission_parts
from circuits.chunk import EncodedChunk, EncodedDigit
from circuits.encode import encode_chunks
from circuits.errors import PlanTooComplex, ValueRefused
from circuits.plan import Plan, compile_query
from circuits.schema import Schema
from circuits.sql import parse
from protocol.dataset import Registration, SignedRegistration
from protocol.messages import Contribution
from prover.admission import prove_admission, verify_admission
from prover.backend import Backend
from prover.commit import CommitmentBlob, commit_dataset, shape
from prover.contribution import (
    CommittedTable,
    ProvenContribution,
    compute_chunks,
    prove_contribution,
    verify_contributions,
)
from prover.errors import KernelArgumentInvalid
from prover.package import ChunkEvidence, Package, admission_digest, dataset_id, decode_package, encode_package
from tests.properties.visits import SCHEMA, RandomQuery, Row, Rows, random_rows

ROWS = 1024
ZERO = "00" * 32
BACKENDS: dict[str, Backend] = {"kernel": prover, "reference": prover.reference}
RULED = Schema.model_validate(
    {
        "name": SCHEMA.name,
        "columns": SCHEMA.columns,
        "rules": [
            {"name": "older_than_the_stay", "check": "age >= stay"},
            {"name": "dear", "check": "stay < cost"},
            {"name": "smokers", "check": "NOT (smoker AND died) OR weight > 60"},
        ],
    }
)


@dataclass(frozen=True)
class Owned:
    """A committed table, and what is public about it."""

    table: CommittedTable
    package: Package


def chunk_of_obedient_rows(rng: random.Random) -> EncodedChunk:
    rows: list[Row] = []
    while len(rows) < 200:
        for row in random_rows(rng, 50):
            try:
                list(encode_chunks(Rows([row]), RULED, chunk_rows=ROWS))
            except ValueRefused:
                continue
            rows.append(row)
    (chunk,) = encode_chunks(Rows(rows), RULED, chunk_rows=ROWS)
    return chunk


@cache
def owned() -> Owned:
    chunk = chunk_of_obedient_rows(random.Random(1))
    secret = secrets.token_bytes(32)
    blobs: list[CommitmentBlob] = []
    committed = commit_dataset([chunk], dataset_id=dataset_id(2, "visits"), epoch=1, secret=secret, store=blobs.append)
    draft = Registration(
        consortium=ZERO, hospital=2, dataset="visits", epoch=1, table_schema=RULED.canonical(), schema_hash=RULED.hash,
        generators=prover.generator_digest(), chunk_rows=ROWS, chunks=1, columns=shape(ROWS)[1],
        commitments=committed.root, admission=ZERO, salt=ZERO, valid_from=0,
    )  # fmt: skip
    (proof,) = prove_admission(draft, RULED, [chunk], committed.leaves, secret)
    registration = draft.model_copy(update={"admission": admission_digest([proof])})
    evidence = ChunkEvidence(ROWS, {blob.digit: blob.points for blob in blobs}, proof)
    names = tuple(digit.name for digit in RULED.digits)
    table = CommittedTable(registration, committed.leaves, names, secret, lambda: [chunk])
    signed = SignedRegistration(registration=registration, signature="00" * 64)
    return Owned(table, decode_package(encode_package(signed, [evidence])))


def proven(plan: Plan) -> ProvenContribution:
    own = owned()
    cells = compute_chunks(plan, own.table)
    contribution = Contribution(
        generators=prover.generator_digest(), consortium=ZERO, offer=ZERO, query_id=ZERO, nonce=ZERO,
        plan_hash=plan.hash, schema_hash=RULED.hash, decisions=ZERO, hospital=2, root=own.table.registration.root,
        commitment=cells[0].commitment.hex(), sharing=("00" * 64,), proof=ZERO,
    )  # fmt: skip
    return ProvenContribution(contribution, plan, own.package, prove_contribution(contribution, plan, own.table, cells))


@pytest.mark.parametrize("name", BACKENDS)
def test_a_table_with_rules_is_admitted(name: str) -> None:
    verify_admission(owned().package, BACKENDS[name])


@pytest.mark.parametrize(
    ("digit", "row_code", "code"),
    [("age.0", None, 0), ("rule:older_than_the_stay.0", None, 0xFFFF), ("rule:dear.0", None, 7), ("stay.0", 0, 3)],
)
def test_a_table_that_breaks_a_rule_or_hides_it_cannot_be_admitted(digit: str, row_code: int | None, code: int) -> None:
    own = owned()
    (chunk,) = own.table.chunks()
    codes = chunk.by_name[digit].codes.copy()
    known = chunk.by_name["age.0"].codes != 0xFFFF
    known &= chunk.by_name["stay.0"].codes != 0xFFFF
    known &= chunk.by_name["cost.0"].codes != 0xFFFF
    known &= (codes != code) & ((codes == row_code) if row_code is not None else (codes != 0xFFFF))
    codes[int(np.flatnonzero(known)[0])] = code
    digits = tuple(EncodedDigit(d.name, d.values, codes if d.name == digit else d.codes) for d in chunk.digits)
    broken = EncodedChunk(chunk.rows, chunk.real, digits)
    with pytest.raises(KernelArgumentInvalid, match="do not satisfy"):
        prove_admission(own.table.registration, RULED, [broken], own.table.leaves, own.table.secret)


def test_contributions_of_random_queries_are_accepted() -> None:
    rng = random.Random(4)
    items: list[ProvenContribution] = []
    while len(items) < 40:
        try:
            plan = compile_query(parse(RandomQuery(rng).text(), RULED), RULED)
        except PlanTooComplex:
            continue
        items.append(proven(plan))
    assert len({item.plan.combination.terms for item in items}) > 10
    verify_contributions(items)
    assert len(admission_parts(RULED)) == 1
