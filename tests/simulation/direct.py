"""Whole nodes called directly, under a test's clock, with a test in the place of the hub.

`World` holds the members with their keys, data directories and databases; `World.reopen` is a crash and a restart.
`World.register` registers another table and brings its package to everybody. `ask` is one round; `Run` is a whole query.
"""

import os
import random
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account

from attestation.rounds import next_offer
from circuits.encode import RowSource
from circuits.offered import plan_of
from circuits.plan import compile_query
from circuits.schema import Schema, parse_schema
from circuits.sql import parse
from mpc_nodes.database import create_engine
from mpc_nodes.datasets import Datasets
from mpc_nodes.gatekeeper import Gatekeeper
from mpc_nodes.node import Node
from mpc_nodes.node_tables import packages
from mpc_nodes.policy import Policy, parse_policy
from mpc_nodes.rounds.decision import usable
from mpc_nodes.session import Identity, NodeKeys
from mpc_nodes.store import NodeStore
from protocol.consortium import Consortium, Member
from protocol.dataset import SignedRegistration
from protocol.document import Document
from protocol.messages import Endorsement, Refusal, Round, SignedMessage
from protocol.query import Offer, Publication
from protocol.relay import RoundReply, RoundRequest
from protocol.signatures import open_message
from protocol.statement import Attested, ChainAnchor, Statement
from prover.package import decode_package
from tests.simulation.members import Members

SCHEMA = parse_schema("""
name = "survey"
title = "A survey for tests"

[[columns]]
name = "sex"
type = "category"
codes = ["f", "m"]

[[columns]]
name = "age"
type = "integer"
min = 0
max = 120

[[columns]]
name = "score"
type = "integer"
min = -500
max = 500
nullable = true
""")

POLICY = """
[[allow]]
buyers = ["acme"]
purposes = ["research"]
datasets = ["survey"]
columns = ["*"]
aggregates = ["COUNT", "SUM", "AVG", "VAR_SAMP", "MEDIAN", "MIN", "MAX"]
publication = ["digest", "aggregate"]

[limits]
minimum_cohort = 1
minimum_hospitals = 3
"""

NOW = 1_800_000_000
CHAIN = ChainAnchor(chain_id=1337, contract="0x" + "5a" * 20)
ROUNDS = tuple(Round)

Row = tuple[str, int, int | None]


@dataclass(frozen=True)
class Rows:
    """A table in memory, as a source of rows."""

    rows: Sequence[Row]
    name: str = "survey"

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        arrays = {
            "sex": pa.array([row[0] for row in self.rows], pa.string()),
            "age": pa.array([row[1] for row in self.rows], pa.int64()),
            "score": pa.array([row[2] for row in self.rows], pa.int64()),
        }
        yield pa.RecordBatch.from_arrays([arrays[name] for name in columns], names=list(columns))


@dataclass
class Hospital:
    """One member: its directory survives `reopen`, its objects do not."""

    identity: Identity
    directory: Path
    policy: Policy
    kind: type[Node] = Node
    url: str | None = None  # of the database; by default a file in the directory
    entropy: Callable[[int], bytes] = os.urandom
    node: Node = field(init=False)
    store: NodeStore = field(init=False)
    datasets: Datasets = field(init=False)


class World:
    """A consortium of real nodes."""

    schema: ClassVar[Schema] = SCHEMA

    def __init__(self, directory: Path, tables: Sequence[Sequence[Row]], *, threshold: int = 1, policy: str = POLICY) -> None:
        self.now = NOW
        self.directory = directory
        self.tables = tables
        keys = {index: NodeKeys(Ed25519PrivateKey.generate(), secrets.token_bytes(32)) for index in range(1, len(tables) + 1)}
        self.consortium = Consortium(
            name="trial",
            threshold=threshold,
            members=tuple(
                Member(
                    index=index,
                    name=f"hospital-{index}",
                    address=Account.from_key(key.attestation).address.lower(),
                    signing_key=key.signing.public_key().public_bytes_raw().hex(),
                )
                for index, key in keys.items()
            ),
        )
        self.hospitals: dict[int, Hospital] = {}
        for index, table in enumerate(tables, start=1):
            home = directory / f"hospital-{index}"
            home.mkdir()
            self.hospitals[index] = Hospital(Identity(self.consortium, index, CHAIN, keys[index]), home, parse_policy(policy))
            self.reopen(index).register_dataset(Rows(table), SCHEMA)
        self.share()
        self.now += 10

    def copy(self, directory: Path) -> "World":
        """The same consortium in another place: registering tables once serves many tests."""
        other = World.__new__(World)
        other.now, other.directory, other.tables, other.consortium = self.now, directory, self.tables, self.consortium
        other.hospitals = {}
        for index, hospital in self.hospitals.items():
            home = directory / hospital.directory.name
            shutil.copytree(hospital.directory, home)
            other.hospitals[index] = Hospital(hospital.identity, home, hospital.policy, hospital.kind)
            other.reopen(index)
        return other

    @property
    def members(self) -> Members:
        """The same consortium as a holder of keys."""
        return Members(self.consortium, {i: hospital.identity.keys.signing for i, hospital in self.hospitals.items()})

    def forget_packages(self) -> None:
        """As before anybody was sent one."""
        for hospital in self.hospitals.values():
            with hospital.store.writing() as connection:
                connection.execute(packages.delete())

    @property
    def packages(self) -> dict[str, bytes]:
        """The packages of all registered tables, by root."""
        found = [each for hospital in self.hospitals.values() for each in hospital.datasets.all()]
        owner = {each.registration.root: self.hospitals[each.registration.hospital] for each in found}
        return {root: hospital.datasets.package(root) for root, hospital in owner.items()}

    def share(self) -> None:
        """Bring every package to every member, as the hub would."""
        for data in self.packages.values():
            signed = decode_package(data).signed
            for index in self.indices:
                if self.node(index).wants(signed):
                    self.node(index).admit(signed, data)

    def register(self, index: int, rows: RowSource, schema: Schema = SCHEMA, **options: Any) -> SignedRegistration:
        """A new epoch of a member's table, which the others admit."""
        signed = self.node(index).register_dataset(rows, schema, **options)
        self.share()
        return signed

    @property
    def pooled(self) -> list[Row]:
        """All rows of all hospitals."""
        return [row for table in self.tables for row in table]

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(self.hospitals)

    def node(self, index: int) -> Node:
        return self.hospitals[index].node

    def reopen(self, index: int, kind: type[Node] | None = None) -> Node:
        """Drop the objects of a member and make them again from its directory: what a restart does."""
        hospital = self.hospitals[index]
        hospital.kind = kind or hospital.kind
        hospital.store = NodeStore(create_engine(hospital.url or f"sqlite:///{hospital.directory / 'node.db'}"))
        clock = lambda: self.now  # noqa: E731
        hospital.datasets = Datasets(
            hospital.store, hospital.directory, hospital.identity, clock=clock, entropy=hospital.entropy
        )
        hospital.node = hospital.kind(
            hospital.identity,
            store=hospital.store,
            datasets=hospital.datasets,
            gatekeeper=Gatekeeper(hospital.policy),
            publish_root=lambda registration: None,
            clock=clock,
            entropy=hospital.entropy,
        )
        return hospital.node

    def offer(self, sql: str, *, publication: Publication = "digest", seconds: int = 600, **changes: Any) -> Offer:
        plan = compile_query(parse(sql, SCHEMA), SCHEMA)
        members: dict[str, Any] = {
            "consortium": self.consortium.digest,
            "query_id": secrets.token_hex(32),
            "nonce": secrets.token_hex(32),
            "buyer": "acme",
            "purpose": "research",
            "dataset": "survey",
            "sql": sql,
            "plan_hash": plan.hash,
            "schema_hash": SCHEMA.hash,
            "publication": publication,
            "submitted_at": self.now,
            "expires_at": self.now + seconds,
        }
        return Offer(**(members | changes))

    def request(
        self, offer: Offer, round_: Round, inputs: Iterable[SignedMessage] = (), earlier: Attested | None = None
    ) -> RoundRequest:
        first = round_ is Round.DECISION
        return RoundRequest(
            round=round_,
            query_id=offer.query_id,
            offer=offer if first else None,
            earlier=earlier if first else None,
            inputs=tuple(inputs),
            deadline=self.now + 60,
        )

    def ask(
        self,
        offer: Offer,
        round_: Round,
        inputs: Iterable[SignedMessage] = (),
        members: Iterable[int] | None = None,
        earlier: Attested | None = None,
    ) -> "Answers":
        """One round of `members`, all of them by default."""
        request = self.request(offer, round_, inputs, earlier)
        asked = self.indices if members is None else tuple(members)
        return Answers({index: self.node(index).handle(request) for index in asked})


@dataclass(frozen=True)
class Answers:
    """The replies of one round."""

    replies: Mapping[int, RoundReply]

    @property
    def messages(self) -> tuple[SignedMessage, ...]:
        return tuple(reply.message for _, reply in sorted(self.replies.items()) if reply.message is not None)

    @property
    def refusals(self) -> dict[int, Refusal]:
        return {index: reply.refusal for index, reply in sorted(self.replies.items()) if reply.refusal is not None}

    @property
    def codes(self) -> dict[int, str]:
        return {index: refusal.code for index, refusal in self.refusals.items()}


@dataclass
class Run:
    """A query as a hub sees it. `before(round)` may return other members to ask, or None for all that are there."""

    world: World
    offer: Offer
    answers: dict[Round, Answers] = field(default_factory=dict)
    earlier: Attested | None = None

    def inputs(self, round_: Round) -> tuple[SignedMessage, ...]:
        """What an honest hub sends with the request of a round."""
        if round_ is Round.DECISION:
            return ()
        if round_ is Round.VERDICT:
            return (*self.inputs(Round.DEAL), *self.answers[Round.DEAL].messages)
        before = self.answers[ROUNDS[ROUNDS.index(round_) - 1]].messages
        return usable(self.world.consortium, self.offer, before) if round_ is Round.DEAL else before

    def step(self, round_: Round, members: Iterable[int] | None = None) -> Answers:
        answers = self.world.ask(self.offer, round_, self.inputs(round_), members, self.earlier)
        self.answers[round_] = answers
        return answers

    def finish(
        self, start: Round = Round.DECISION, members: Callable[[Round], Iterable[int] | None] = lambda round_: None
    ) -> "Run":
        """All rounds from `start`, asking `members` of each."""
        for round_ in ROUNDS[ROUNDS.index(start) :]:
            self.step(round_, members(round_))
        return self

    def attested(self) -> Attested:
        """The statement with the signatures of all who endorse it."""
        endorsements = [
            open_message(self.world.consortium, message, Round.ATTEST, self.offer.query_id, Endorsement)
            for message in self.answers[Round.ATTEST].messages
        ]
        signatures = tuple(endorsement.signature for endorsement in endorsements)
        return Attested(statement=self.statement().encoded.hex(), signatures=signatures)

    def following(self) -> "Run | None":
        """The next round of the query, not yet asked; None if this was the last."""
        statement = self.statement()
        offer = next_offer(statement, plan_of(self.offer, SCHEMA))
        return None if offer is None else Run(self.world, offer, earlier=self.attested())

    def statement(self) -> Statement:
        """The statement that at least t+1 members endorse; nobody may endorse another."""
        found: dict[str, int] = {}
        for message in self.answers[Round.ATTEST].messages:
            endorsed = open_message(self.world.consortium, message, Round.ATTEST, self.offer.query_id, Endorsement)
            found[endorsed.statement] = found.get(endorsed.statement, 0) + 1
        assert len(found) == 1, "members endorse different statements, or none"
        ((encoded, count),) = found.items()
        assert count > self.world.consortium.threshold
        return Statement.from_bytes(bytes.fromhex(encoded), limit=1 << 24)


D = TypeVar("D", bound=Document)


def changed(document: D, **members: Any) -> D:
    """The document with other members. (`model_copy` would keep the cached encoding and digest of the original.)"""
    return type(document)(**({name: getattr(document, name) for name in type(document).model_fields} | members))


def random_tables(hospitals: int, rows: int, seed: int = 1) -> list[list[Row]]:
    """Tables with NULLs and with negative scores in the majority."""
    draw = random.Random(seed)

    def row() -> Row:
        return draw.choice("fm"), draw.randint(18, 90), draw.choice([None, draw.randint(-500, 100)])

    return [[row() for _ in range(rows)] for _ in range(hospitals)]


_TEMPLATES = tempfile.TemporaryDirectory(prefix="proofward-worlds-")


@cache
def _template(hospitals: int, threshold: int) -> World:
    directory = Path(_TEMPLATES.name) / f"{hospitals}-{threshold}"
    directory.mkdir()
    return World(directory, random_tables(hospitals, 25), threshold=threshold)


def make_world(directory: Path, hospitals: int = 4, threshold: int = 1) -> World:
    """A fresh consortium with registered tables of 25 rows."""
    home = directory / "world"
    home.mkdir()
    return _template(hospitals, threshold).copy(home)
