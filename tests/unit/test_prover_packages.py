"""Packages, admission and contributions of a small table of two chunks, with the kernel and with the reference."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prover
import prover.reference
from circuits.admission import admission_parts, admission_relation
from circuits.chunk import EncodedChunk, EncodedDigit, padded
from circuits.evaluate import evaluate
from circuits.plan import Plan, compile_query
from circuits.relation import contribution_relation
from circuits.schema import Schema, parse_schema
from circuits.sql import parse
from protocol.canonical import sha256_hex
from protocol.dataset import Registration, SignedRegistration
from protocol.messages import Contribution
from protocol.parameters import ABSENT_CODE, POINT_BYTES
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
from prover.errors import (
    AdmissionProofInvalid,
    ContributionProofInvalid,
    KernelArgumentInvalid,
    PackageInvalid,
)
from prover.package import (
    MAGIC,
    ChunkEvidence,
    Package,
    admission_digest,
    admission_lengths,
    dataset_id,
    decode_package,
    encode_package,
    package_size,
)
from prover.rows import row_proof_length

ROWS = 1024
ZERO = "00" * 32
SCHEMA = parse_schema(
    """
name = "visits"
columns = [
  {name = "ward", type = "category", codes = ["a", "b", "c"], nullable = true},
  {name = "stay", type = "integer", min = 0, max = 299, nullable = true},
  {name = "age", type = "integer", min = 0, max = 9},
]
"""
)
SQL = "SELECT ward, COUNT(*), SUM(stay), VAR_POP(age) FROM visits WHERE age >= 3 GROUP BY ward"
BACKENDS: dict[str, Backend] = {"kernel": prover, "reference": prover.reference}


def encoded(real: int, seed: int, schema: Schema = SCHEMA) -> EncodedChunk:
    """Random rows that obey the schema."""
    generator = np.random.default_rng(seed)
    digits: list[EncodedDigit] = [padded(schema.digits[0], np.zeros(real, dtype=np.uint16), ROWS)]
    for column in schema.columns:
        codes = generator.integers(0, column.size, real)
        null = generator.random(real) < 0.2 if column.nullable else np.zeros(real, dtype=bool)
        for digit in column.digits:
            values = (codes // digit.weight % digit.values).astype(np.uint16)
            digits.append(padded(digit, np.where(null, np.uint16(ABSENT_CODE), values), ROWS))
    return EncodedChunk(ROWS, real, tuple(digits))


@dataclass(frozen=True)
class Owned:
    """A committed and admitted table."""

    table: CommittedTable
    chunks: list[EncodedChunk]
    data: bytes

    @property
    def package(self) -> Package:
        return decode_package(self.data)


@cache
def owned(seed: int = 1) -> Owned:
    chunks = [encoded(ROWS, seed), encoded(700, seed + 100)]
    secret = secrets.token_bytes(32)
    blobs: list[CommitmentBlob] = []
    committed = commit_dataset(chunks, dataset_id=dataset_id(2, "visits"), epoch=1, secret=secret, store=blobs.append)
    draft = Registration(
        consortium=ZERO, hospital=2, dataset="visits", epoch=1, table_schema=SCHEMA.canonical(), schema_hash=SCHEMA.hash,
        generators=prover.generator_digest(), chunk_rows=ROWS, chunks=2, columns=shape(ROWS)[1],
        commitments=committed.root, admission=ZERO, salt=ZERO, valid_from=0,
    )  # fmt: skip
    seen: list[tuple[int, str]] = []
    proofs = prove_admission(draft, SCHEMA, chunks, committed.leaves, secret, progress=lambda *place: seen.append(place))
    assert seen == [(0, "admission"), (1, "admission")]
    registration = draft.model_copy(update={"admission": admission_digest(proofs)})
    width = len(SCHEMA.digits)
    evidence = [
        ChunkEvidence(ROWS, {blob.digit: blob.points for blob in blobs[at : at + width]}, proof)
        for at, proof in zip((0, width), proofs, strict=True)
    ]
    names = tuple(digit.name for digit in SCHEMA.digits)
    table = CommittedTable(registration, committed.leaves, names, secret, lambda: chunks)
    signed = SignedRegistration(registration=registration, signature="00" * 64)
    return Owned(table, chunks, encode_package(signed, evidence))


def plan(sql: str = SQL) -> Plan:
    return compile_query(parse(sql, SCHEMA), SCHEMA)


@cache
def proven(seed: int = 1) -> ProvenContribution:
    own, compiled = owned(seed), plan()
    cells = compute_chunks(compiled, own.table)
    total = prover.add_points(b"".join(chunk.commitment for chunk in cells)).hex()
    contribution = Contribution(
        generators=prover.generator_digest(), consortium=ZERO, offer=ZERO, query_id=ZERO, nonce=ZERO,
        plan_hash=compiled.hash, schema_hash=SCHEMA.hash, decisions=ZERO, hospital=2, root=own.table.registration.root,
        commitment=total, sharing=("00" * 64,), proof=ZERO,
    )  # fmt: skip
    proof = prove_contribution(contribution, compiled, own.table, cells)
    return ProvenContribution(contribution.model_copy(update={"proof": sha256_hex(proof)}), compiled, own.package, proof)


@pytest.mark.parametrize("name", BACKENDS)
def test_an_honest_table_and_an_honest_contribution_are_accepted(name: str) -> None:
    backend = BACKENDS[name]
    verify_admission(owned().package, backend)
    verify_contributions([proven()], backend)


def test_the_chunks_cells_add_up_to_those_of_the_table() -> None:
    own = owned()
    cells = compute_chunks(plan(), own.table)
    sums = [sum(values) for values in zip(*(chunk.values for chunk in cells), strict=True)]
    assert sums == evaluate(plan(), own.chunks)
    assert "values" not in repr(cells[0])
    assert own.table.secret.hex() not in repr(own.table)


def test_lengths_follow_from_public_values_alone() -> None:
    one, other = proven(1), proven(2)
    assert len(one.proof) == len(other.proof)
    relation = contribution_relation(plan(), 5)
    assert len(one.proof) == 2 * (POINT_BYTES + row_proof_length(relation, ROWS, shape(ROWS)[1], plan().cells))
    lengths = [row_proof_length(admission_relation(part, 7), ROWS, shape(ROWS)[1], 0) for part in admission_parts(SCHEMA)]
    assert lengths == admission_lengths(SCHEMA, ROWS)
    assert len(owned().data) <= package_size(owned().table.registration, SCHEMA)


def test_many_contributions_are_checked_at_once_and_the_bad_one_is_named() -> None:
    good, bad = proven(1), proven(2)
    verify_contributions([good, bad, good])
    broken = bytearray(bad.proof)
    broken[-1] ^= 1
    with pytest.raises(ContributionProofInvalid) as raised:
        verify_contributions([good, replace(bad, proof=bytes(broken)), good])
    assert (raised.value.index, raised.value.where) == (1, "product")


def swapped(item: ProvenContribution) -> ProvenContribution:
    half = len(item.proof) // 2
    return replace(item, proof=item.proof[half:] + item.proof[:half])


def other_sum(item: ProvenContribution) -> ProvenContribution:
    point = prover.generators("U", 0, 1)
    half = len(item.proof) // 2
    moved = prover.add_points(item.proof[half : half + POINT_BYTES] + point)
    return replace(item, proof=item.proof[:half] + moved + item.proof[half + POINT_BYTES :])


def with_contribution(**changes: object) -> Callable[[ProvenContribution], ProvenContribution]:
    return lambda item: replace(item, contribution=item.contribution.model_copy(update=changes))


LIES: dict[str, tuple[Callable[[ProvenContribution], ProvenContribution], str]] = {
    "chunks in another order": (swapped, "rounds"),
    "a chunk's commitment moved": (other_sum, "chunks"),
    "no point": (lambda item: replace(item, proof=b"\xff" * POINT_BYTES + item.proof[POINT_BYTES:]), "encoding"),
    "cut": (lambda item: replace(item, proof=item.proof[:-1]), "length"),
    "empty": (lambda item: replace(item, proof=b""), "length"),
    "another package": (lambda item: replace(item, package=owned(2).package), "dataset"),
    "another plan": (lambda item: replace(item, plan=plan("SELECT COUNT(*) FROM visits")), "dataset"),
    "another query": (with_contribution(query_id="11" * 32), "rounds"),
    "other shares": (with_contribution(sharing=("11" * 64,)), "rounds"),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", BACKENDS)
def test_what_does_not_belong_together_is_refused(name: str, lie: str) -> None:
    change, step = LIES[lie]
    with pytest.raises(ContributionProofInvalid) as raised:
        verify_contributions([change(proven())], BACKENDS[name])
    assert raised.value.where == step


def test_a_table_that_breaks_its_schema_cannot_be_admitted() -> None:
    own = owned()
    chunk = own.chunks[0]
    stay = chunk.by_name["stay.1"].codes.copy()
    position = int(np.flatnonzero(stay != ABSENT_CODE)[0])
    low = chunk.by_name["stay.0"].codes.copy()
    stay[position], low[position] = 4, 63  # 319: the digits allow it, the domain ends at 299
    wrong = {"stay.0": low, "stay.1": stay}
    digits = tuple(EncodedDigit(d.name, d.values, wrong.get(d.name, d.codes)) for d in chunk.digits)
    broken = EncodedChunk(chunk.rows, chunk.real, digits)
    with pytest.raises(KernelArgumentInvalid, match="do not satisfy"):
        prove_admission(own.table.registration, SCHEMA, [broken], own.table.leaves, own.table.secret)


@pytest.mark.parametrize("name", BACKENDS)
def test_an_admission_proof_of_other_commitments_is_refused(name: str) -> None:
    package, other = owned(1).package, owned(2).package
    mixed = tuple(replace(a, admission=b.admission) for a, b in zip(package.chunks, other.chunks, strict=True))
    with pytest.raises(AdmissionProofInvalid) as raised:
        verify_admission(replace(package, chunks=mixed), BACKENDS[name])
    assert raised.value.where == "chunk 0, part 0, rounds"


def test_a_package_is_read_back() -> None:
    package = owned().package
    assert package.root == owned().table.registration.root
    assert encode_package(package.signed, package.chunks) == owned().data
    assert package.leaves == owned().table.leaves
    assert package.leaf(1, "stay.0") == package.leaves[len(SCHEMA.digits) + 2]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda data: b"x" + data[1:], "magic"),
        (lambda data: b"", "length"),
        (lambda data: data[:-1], "length"),
        (lambda data: data + b"\0", "chunks"),
        (lambda data: data[: len(MAGIC)] + b"\xff\xff\xff\xff" + data[len(MAGIC) + 4 :], "registration"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "admission"),
    ],
)
def test_a_changed_package_is_refused(change: Callable[[bytes], bytes], where: str) -> None:
    with pytest.raises(PackageInvalid) as raised:
        decode_package(change(owned().data))
    assert raised.value.where == where


@given(st.data())
def test_every_byte_of_a_package_counts(data: st.DataObject) -> None:
    good = owned().data
    at = data.draw(st.integers(0, len(good) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(good)
    changed[at] ^= 1 << bit
    try:
        package = decode_package(bytes(changed))
    except PackageInvalid:
        return
    # Only what the signature covers can change without a contradiction in the file: then it is another dataset.
    assert package.root != owned().table.registration.root or package.signed.signature != "00" * 64


def test_a_package_of_many_chunks_allocates_nothing_before_it_is_that_long() -> None:
    own = owned()
    registration = own.table.registration.model_copy(update={"chunks": 1 << 30})
    signed = SignedRegistration(registration=registration, signature="00" * 64)
    with pytest.raises(PackageInvalid) as raised:
        decode_package(encode_package(signed, []))
    assert raised.value.where == "chunks"


def test_nothing_to_verify_is_not_verified() -> None:
    with pytest.raises(ContributionProofInvalid):
        verify_contributions([])
