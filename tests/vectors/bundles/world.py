"""A consortium with its keys and tables, and honest answers of it, made in memory by the code that nodes run.

Everything that looks random comes from SHA-256 over a counter, so an answer is the same bytes every time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account
from eth_utils.address import to_checksum_address

import prover
from attestation.assemble import assemble_bundle
from attestation.bundle import Bundle, ChainRecord, Transaction, with_earlier
from attestation.evidence import encode_evidence
from attestation.record import describe_transaction
from attestation.rounds import next_offer
from attestation.sign import ChainCall, chain_call, register_call, sign_statement
from attestation.statement import build_statement, decisions_digest
from attestation.trust import Trust, trust_in
from circuits.chunk import EncodedChunk
from circuits.encode import encode_chunks
from circuits.offered import plan_of
from circuits.plan import Plan, compile_query
from circuits.schema import Schema, parse_schema
from circuits.sql import parse
from protocol.canonical import sha256_hex
from protocol.consortium import Consortium, Member
from protocol.dataset import Registration, SignedRegistration
from protocol.messages import (
    Contribution,
    Decision,
    Freeze,
    LeftOut,
    LogHead,
    Round,
    SignedContribution,
    SignedMessage,
)
from protocol.parameters import POINT_BYTES
from protocol.query import Offer, Publication
from protocol.signatures import sign_contribution, sign_message, sign_registration
from protocol.statement import ChainAnchor, Statement
from prover.contribution import ChunkCells, CommittedTable, compute_chunks, prove_contribution
from tests.vectors.bundles.table import Table, rows_of
from tests.vectors.inputs import Stream

NAMES = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf")

CHAIN_ID = 31337

SCHEMA = """
name = "patients"
title = "Examined patients"

[[columns]]
name = "sex"
type = "category"
codes = ["F", "M"]

[[columns]]
name = "smoker"
type = "boolean"
nullable = true

[[columns]]
name = "age"
type = "integer"
min = 0
max = 120
unit = "years"

[[columns]]
name = "glucose"
type = "decimal"
scale = 1
min = 2.0
max = 40.0
nullable = true
unit = "mmol/L"

[[columns]]
name = "seen"
type = "date"
min = 2020-01-01
max = 2024-12-31
"""

COUNT = "SELECT COUNT(*) AS n FROM patients WHERE age >= 40 AND smoker"
BY_SEX = "SELECT sex, COUNT(*) AS n, AVG(glucose) AS mean, STDDEV_SAMP(glucose) AS sd FROM patients GROUP BY sex"
BY_SEX_AND_SMOKER = "SELECT sex, smoker, COUNT(*) AS n, SUM(age) AS total FROM patients WHERE age < 60 GROUP BY sex, smoker"


@dataclass(frozen=True)
class World:
    """A consortium of `n` members with threshold `t`, the keys of all of them, and a registered table each.

    Attributes:
        patients: rows of each hospital.
        admit: changes a hospital's admission proofs before it registers them.
    """

    n: int = 4
    t: int = 1
    patients: int = 150
    epoch: int = 1
    admit: Callable[[int, list[bytes]], list[bytes]] = lambda _, proofs: proofs
    contract: str = "0x" + Stream("contract")(20).hex()

    @cached_property
    def consortium(self) -> Consortium:
        members = [
            Member(
                index=i,
                name=NAMES[i - 1],
                address=Account.from_key(self.account(i)).address.lower(),
                signing_key=self.key(i).public_key().public_bytes_raw().hex(),
            )
            for i in self.indices
        ]
        return Consortium(name="trial", threshold=self.t, members=tuple(members))

    @property
    def indices(self) -> range:
        return range(1, self.n + 1)

    def key(self, index: int) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(Stream(f"signing key {index}")(32))

    def account(self, index: int) -> bytes:
        return Stream(f"account {index}")(32)

    @cached_property
    def chain(self) -> ChainAnchor:
        return ChainAnchor(chain_id=CHAIN_ID, contract=self.contract)

    @cached_property
    def trust(self) -> Trust:
        return trust_in(self.consortium, self.chain, prover.generator_digest())

    @cached_property
    def schema(self) -> Schema:
        return parse_schema(SCHEMA)

    @cached_property
    def chunks(self) -> dict[int, list[EncodedChunk]]:
        return {i: list(encode_chunks(rows_of(i, self.patients), self.schema, chunk_rows=1024)) for i in self.indices}

    @cached_property
    def tables(self) -> dict[int, "Table"]:
        return {i: Table(self, i) for i in self.indices}

    @cached_property
    def datasets(self) -> dict[str, bytes]:
        """The packages of all hospitals by root, as an auditor gets them."""
        return {table.registration.root: table.package for table in self.tables.values()}

    @cached_property
    def _proofs(self) -> dict[str, bytes]:
        return {}

    def proof(self, contribution: Contribution, plan: Plan, table: CommittedTable, cells: Sequence[ChunkCells]) -> bytes:
        """The proof of a contribution. One that was made before is not made again: it is the same bytes."""
        draft = contribution.digest
        if draft not in self._proofs:
            stream = Stream(f"proof {draft}")
            self._proofs[draft] = prove_contribution(contribution, plan, table, cells, entropy=stream)
        return self._proofs[draft]

    def ask(self, sql: str, **how: object) -> "Answer":
        """An honest answer; `how` are the fields of `Answer`."""
        return Answer(self, sql, **how)  # type: ignore[arg-type]

    def message(self, answer: "Answer", round_: Round, sender: int, body: Decision | Freeze) -> SignedMessage:
        return sign_message(self.key(sender), self.consortium, answer.offer.query_id, round_, sender, body)

    def transaction(self, call: ChainCall, index: int, nonce: int = 0) -> Transaction:
        """`call` signed by the account of a member."""
        fields = {
            "type": 2,
            "chainId": call.anchor.chain_id,
            "nonce": nonce,
            "gas": 1_000_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 1,
            "value": 0,
            "to": to_checksum_address(call.anchor.contract),
            "data": call.calldata,
        }
        return describe_transaction(bytes(Account.sign_transaction(fields, self.account(index)).raw_transaction))


E = TypeVar("E", Offer, Registration, Decision, Contribution, Freeze, Statement)


class Edit(Protocol):
    def __call__(self, document: E, /) -> E: ...


@dataclass(frozen=True)
class Dealt:
    """What one hospital deals: its signed contribution, the share vectors, and the proof."""

    signed: SignedContribution
    shares: tuple[bytes, ...]
    proof: bytes

    @property
    def contribution(self) -> Contribution:
        return self.signed.contribution


@dataclass(frozen=True)
class Answer:
    """One query, round by round. Parts are made when they are first used.

    Attributes:
        refuse: members that refuse, with the reason.
        silent: members from which no decision comes.
        dropped: members that accept but are left out, with the reason.
        minimum_cohort: of every hospital's policy.
        lie: changes a hospital's cells before it commits to them.
        prove: changes a hospital's proof before it names it.
        edit: changes any document before its author signs it. What comes later is built on the changed document, so that
            the bundle is consistent in itself: the lie of a whole consortium.
        before: the earlier rounds of the same query; `offered` is the offer of this one.
    """

    world: World
    sql: str
    label: str = "query"
    publication: Publication = "digest"
    refuse: Mapping[int, str] = field(default_factory=dict)
    silent: tuple[int, ...] = ()
    dropped: Mapping[int, str] = field(default_factory=dict)
    minimum_cohort: int = 5
    minimum_hospitals: int = 2
    lie: Callable[[int, list[int]], list[int]] = lambda _, cells: cells
    prove: Callable[[int, bytes], bytes] = lambda _, proof: proof
    edit: Edit = lambda document: document
    before: tuple["Answer", ...] = ()
    offered: Offer | None = None

    @cached_property
    def plan(self) -> Plan:
        if self.offered is not None:
            return plan_of(self.offered, self.world.schema)
        return compile_query(parse(self.sql, self.world.schema), self.world.schema)

    @cached_property
    def following(self) -> "Answer | None":
        """The next round; None if this is the last."""
        offer = next_offer(self.statement, self.plan)
        if offer is None:
            return None
        return replace(self, label=f"{self.label}, next", before=(*self.before, self), offered=offer)

    @cached_property
    def offer(self) -> Offer:
        if self.offered is not None:
            return self.edit(self.offered)
        offer = Offer(
            consortium=self.world.consortium.digest,
            query_id=Stream(f"query id {self.label}")(32).hex(),
            nonce=Stream(f"nonce {self.label}")(32).hex(),
            buyer="acme",
            purpose="research",
            dataset="patients",
            sql=self.sql,
            plan_hash=self.plan.hash,
            schema_hash=self.world.schema.hash,
            publication=self.publication,
            submitted_at=1_700_000_000,
            expires_at=1_700_000_600,
        )
        return self.edit(offer)

    @cached_property
    def registrations(self) -> dict[int, SignedRegistration]:
        registered = self.world.tables.items()
        return {i: sign_registration(self.world.key(i), self.edit(table.registration)) for i, table in registered}

    @cached_property
    def decided(self) -> dict[int, Decision]:
        return {i: self._decide(i) for i in self.world.indices if i not in self.silent}

    def _decide(self, index: int) -> Decision:
        refusal = self.refuse.get(index)
        stream = Stream(f"one-time keys {self.label} {index}")
        decision = Decision(
            offer=self.offer.digest,
            accept=refusal is None,
            refusal=refusal,
            root=None if refusal else self.registrations[index].registration.root,
            minimum_cohort=0 if refusal else self.minimum_cohort,
            minimum_hospitals=0 if refusal else self.minimum_hospitals,
            keys=tuple(stream(32).hex() for _ in self.world.indices),
            log=LogHead(sequence=10 + index, head=Stream(f"log {self.label} {index}")(32).hex()),
        )
        return self.edit(decision)

    @cached_property
    def decisions(self) -> dict[int, SignedMessage]:
        return {i: self.world.message(self, Round.DECISION, i, body) for i, body in self.decided.items()}

    @cached_property
    def qualified(self) -> list[int]:
        return [i for i, decision in self.decided.items() if decision.accept and i not in self.dropped]

    @cached_property
    def dealt(self) -> dict[int, "Dealt"]:
        """What each accepting hospital deals."""
        return {i: self._deal(i) for i, decision in self.decided.items() if decision.accept}

    def _deal(self, index: int) -> "Dealt":
        world, stream = self.world, Stream(f"dealing {self.label} {index}")
        table = world.tables[index].owned
        honest = compute_chunks(self.plan, table, stream)
        chunks = self._lying(index, honest)
        cells = [sum(values) for values in zip(*(chunk.values for chunk in chunks), strict=True)]
        blinding = prover.add_vectors([chunk.blinding for chunk in chunks])
        secrets = b"".join((blinding, *map(prover.scalar_from_int, cells)))
        coefficients = prover.random_scalars(world.t * (1 + len(cells)), stream)
        deal = prover.deal(secrets, world.n, world.t, coefficients)
        points = [deal.commitments[j : j + 64].hex() for j in range(0, len(deal.commitments), 64)]
        contribution = Contribution(
            generators=prover.generator_digest(),
            consortium=world.consortium.digest,
            offer=self.offer.digest,
            query_id=self.offer.query_id,
            nonce=self.offer.nonce,
            plan_hash=self.plan.hash,
            schema_hash=world.schema.hash,
            decisions=decisions_digest(list(self.decisions.values())),
            hospital=index,
            root=self.registrations[index].registration.root,
            commitment=points[0],
            sharing=tuple(points[1:]),
            proof="00" * 32,
        )
        contribution = self.edit(contribution)
        # The prover refuses to prove what is not so: a liar has the proof of the truth, about the commitment to the lie.
        proven = world.proof(contribution, self.plan, table, honest)
        proof = self.prove(index, chunks[0].commitment + proven[POINT_BYTES:])
        named = contribution.model_copy(update={"proof": sha256_hex(proof)})
        return Dealt(sign_contribution(world.key(index), named), deal.shares, proof)

    def _lying(self, index: int, chunks: Sequence[ChunkCells]) -> list[ChunkCells]:
        """The hospital's chunks; the first of them takes the lie."""
        honest = [sum(values) for values in zip(*(chunk.values for chunk in chunks), strict=True)]
        excess = [told - true for told, true in zip(self.lie(index, list(honest)), honest, strict=True)]
        if not any(excess):
            return list(chunks)
        values = tuple(value + more for value, more in zip(chunks[0].values, excess, strict=True))
        blinding = chunks[0].blinding
        return [ChunkCells(values, blinding, prover.commit_outputs(values, blinding)), *chunks[1:]]

    @cached_property
    def frozen(self) -> Freeze:
        reasons = dict.fromkeys(self.silent, "no-answer") | dict(self.refuse) | dict(self.dropped)
        freeze = Freeze(
            offer=self.offer.digest,
            decisions=decisions_digest(list(self.decisions.values())),
            verdicts=Stream(f"verdicts {self.label}")(32).hex(),
            contributions=tuple(self.dealt[i].contribution.digest for i in self.qualified),
            qualified=tuple(self.qualified),
            left_out=tuple(LeftOut(hospital=i, reason=reason) for i, reason in sorted(reasons.items())),
            blamed=tuple(LeftOut(hospital=i, reason=reason) for i, reason in sorted(self.dropped.items())),
            minimum_cohort=max(self.decided[i].minimum_cohort for i in self.qualified),
        )
        return self.edit(freeze)

    @cached_property
    def freezes(self) -> dict[int, SignedMessage]:
        return {i: self.world.message(self, Round.FREEZE, i, self.frozen) for i in self.decided}

    @cached_property
    def secrets(self) -> bytes:
        """The total (r, y), from the shares of the first t+1 members."""
        sums = {
            member: prover.add_vectors([self.dealt[i].shares[member - 1] for i in self.qualified])
            for member in range(1, self.world.t + 2)
        }
        return prover.interpolate(sums, self.world.t, self.world.n)

    @cached_property
    def statement(self) -> Statement:
        statement = build_statement(
            consortium=self.world.consortium,
            chain=self.world.chain,
            offer=self.offer,
            plan=self.plan,
            contributions=[self.dealt[i].contribution for i in self.qualified],
            freeze=self.frozen,
            decisions=self.decided,
            secrets=self.secrets,
        )
        return self.edit(statement)

    @cached_property
    def bundle(self) -> Bundle:
        alone = self.bundle_of(self.statement)
        return with_earlier(alone, [answer.bundle_of(answer.statement) for answer in self.before])

    def bundle_of(self, statement: Statement) -> Bundle:
        """`statement`, signed by every member, with the evidence of this answer."""
        consortium = self.world.consortium
        return assemble_bundle(
            consortium=consortium,
            statement=statement,
            signatures={
                m.address: sign_statement(self.world.account(m.index), statement, consortium) for m in consortium.members
            },
            registrations=list(self.registrations.values()),
            contributions=[dealt.signed for dealt in self.dealt.values()],
            proofs=[dealt.proof for dealt in self.dealt.values()],
            decisions=list(self.decisions.values()),
            freezes=list(self.freezes.values()),
        )

    @cached_property
    def datasets(self) -> dict[str, bytes]:
        """The packages of the parts by root."""
        tables = self.world.tables
        return {self.registrations[i].registration.root: tables[i].package_of(self.registrations[i]) for i in self.qualified}

    @cached_property
    def evidence(self) -> bytes:
        """The evidence file."""
        return encode_evidence(self.bundle.encoded, self.datasets)

    @cached_property
    def record(self) -> ChainRecord:
        """The transactions of posting, signed but sent to no chain."""
        world = self.world
        roots = [(i, register_call(world.chain, self.registrations[i].registration)) for i in self.qualified]
        return ChainRecord(
            attestation=world.transaction(chain_call(self.statement, self.bundle.signatures), 1, nonce=1),
            registrations=tuple(world.transaction(call, i) for i, call in roots),
        )
