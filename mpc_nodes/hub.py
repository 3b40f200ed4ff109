"""The hub's round broker: it asks members for a round's messages and closes the round, durably at every step.

What a crash means: before `open_round` nobody was asked; afterwards `collect`, called again in the same way, goes on with
the replies that are on disk; after `close_round` it returns the same closed round for ever. The hub is trusted for none of
it but availability: everything it passes on is signed by members (docs/spec/07-transport.md).
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

import structlog

from mpc_nodes.clock import Clock, Worker, until
from mpc_nodes.errors import DealTooLarge
from mpc_nodes.hub_packages import AnnouncingTransport, HubPackages
from mpc_nodes.hub_store import HubStore, Outcome, StoredRound
from mpc_nodes.transport_errors import ReplyInvalid, RoundConflict, TransferInvalid
from protocol import signatures
from protocol.consortium import Consortium
from protocol.document import Document
from protocol.errors import ProofwardError
from protocol.messages import Deal, Decision, Endorsement, Freeze, Opening, Refusal, Round, SignedMessage, Verdict
from protocol.query import Offer
from protocol.relay import LIMITS, ExplainReply, ExplainRequest, RoundReply, RoundRequest, TransferKind, max_deal_bytes
from protocol.statement import Attested

_BODIES: Final[dict[Round, type[Document]]] = {
    Round.DECISION: Decision,
    Round.DEAL: Deal,
    Round.VERDICT: Verdict,
    Round.FREEZE: Freeze,
    Round.OPEN: Opening,
    Round.ATTEST: Endorsement,
}

DEFAULT_GRACE: Final = 2.0  # seconds for stragglers, once there are enough messages

Enough = int | Callable[[Mapping[int, SignedMessage]], bool]

log = structlog.get_logger(__name__)


class Transport(AnnouncingTransport, Protocol):
    """How the hub reaches members. Nothing is promised: what is lost is asked again when the member connects."""

    def send(self, member: int, document: RoundRequest | ExplainRequest) -> None:
        """Queue a document for a member; dropped if the member is not connected."""
        ...


class State(StrEnum):
    """What a member has done about a round."""

    ASKED = "asked"
    ANSWERED = "answered"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True)
class Progress:
    """One step of one member in one round, for people who wait."""

    query_id: str
    round: Round
    member: int
    state: State
    code: str | None  # of a refusal


@dataclass(frozen=True)
class RoundResult:
    """A closed round. Every member that was asked is in exactly one of the first three."""

    messages: dict[int, SignedMessage]  # by sender, signatures and bodies checked
    refusals: dict[int, Refusal]
    silent: tuple[int, ...]
    conflicting: tuple[SignedMessage, ...]  # second, different messages of members that equivocated: evidence for others
    closed_at: float  # Unix seconds


@dataclass(frozen=True)
class Explanation:
    """What the members would decide about an offer."""

    answers: dict[int, ExplainReply]
    silent: tuple[int, ...]


@dataclass
class _Collection:
    """A round that somebody waits for."""

    stored: StoredRound
    durable: bool = False  # the request may be sent
    replies: dict[int, RoundReply] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def messages(self) -> dict[int, SignedMessage]:
        return {member: reply.message for member, reply in sorted(self.replies.items()) if reply.message is not None}

    @property
    def missing(self) -> list[int]:
        return [member for member in self.stored.members if member not in self.replies]


@dataclass
class _Question:
    """An explanation that somebody waits for."""

    asked: frozenset[int]
    answers: dict[int, ExplainReply] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Hub:
    """Asks, collects, closes. All methods run on one event loop; the store runs in `worker`."""

    def __init__(
        self,
        consortium: Consortium,
        store: HubStore,
        clock: Clock,
        transport: Transport,
        *,
        worker: Worker,
        verifier: Worker | None = None,
        threads: int = 1,
    ) -> None:
        """
        Args:
            verifier: where packages are verified, which takes up to minutes; a hub that serves gives them a thread of
                their own, so that no round waits for them.
            threads: of the kernel, for packages.
        """
        self.consortium = consortium
        self._store = store
        self._clock = clock
        self._transport = transport
        self._worker = worker
        self._refused: set[tuple[str, int]] = (
            set()
        )  # roots and the members that refuse them, as far as is known since the start
        self._waiting: set[asyncio.Event] = set()  # of those who wait for admissions
        verifier = verifier or worker
        self.packages = HubPackages(consortium, store, clock, transport, worker=worker, verifier=verifier, threads=threads)
        self._open: dict[tuple[str, Round], _Collection] = {}
        self._questions: dict[str, _Question] = {}
        self._subscribers: dict[str, set[asyncio.Queue[Progress]]] = {}

    # Rounds

    async def collect(
        self,
        query_id: str,
        round_: Round,
        *,
        offer: Offer | None,
        earlier: Attested | None = None,
        inputs: Sequence[SignedMessage],
        members: Iterable[int],
        deadline: float,
        enough: Enough | None = None,
        grace: float = DEFAULT_GRACE,
    ) -> RoundResult:
        """Ask `members` for their messages of a round and return the closed round.

        The round closes when every member answered, at the deadline, or `grace` seconds after there is `enough`.

        Args:
            earlier: with an offer that continues a query, the statement that it continues.
            inputs: what the members receive, at most 2n messages.
            deadline: Unix seconds. A round that was asked before a restart keeps its first deadline.
            enough: a number of messages, or a predicate on them, by sender.

        Raises:
            RoundConflict: the round was asked before with other inputs, or is being collected now.
            TransferInvalid: the inputs are too large to be sent.
        """
        key = (query_id, round_)
        if key in self._open:
            raise RoundConflict(f"round {round_} of this query is being collected")
        request = RoundRequest(
            round=round_, query_id=query_id, offer=offer, earlier=earlier, inputs=tuple(inputs), deadline=int(deadline)
        )
        if len(request.encoded) > LIMITS[TransferKind.REQUEST]:
            raise TransferInvalid(f"the inputs of round {round_} are larger than a transfer may be")
        asked = tuple(sorted({self.consortium.member(index).index for index in members}))
        collection = _Collection(StoredRound(request, asked, closed_at=None, replies={}, conflicting=()))
        self._open[key] = collection  # before the first await, so that no second collection slips in
        try:
            # 1. The request is on disk before anybody sees it.
            stored = await self._worker.run(lambda: self._store.open_round(request, asked, self._clock.now()))
            if not stored.closed:
                # 2. Ask who has not answered. Members that connect later are asked by `member_connected`.
                collection.stored, collection.durable = stored, True
                collection.replies = {**stored.replies, **collection.replies}
                for member in collection.missing:
                    self._ask(member, collection)
                # 3. Wait. `receive` puts replies on disk before it counts them.
                await self._until_complete(collection, enough, grace)
                # 4. What is on disk now is the round, for ever.
                stored = await self._worker.run(lambda: self._store.close_round(query_id, round_, self._clock.now()))
        finally:
            del self._open[key]
        for member in set(stored.members) - set(stored.replies):
            self._publish(Progress(query_id, round_, member, State.SILENT, None))
        return _result(stored)

    async def receive(self, member: int, reply: RoundReply) -> Outcome:
        """Take a reply from the stream of `member`; it is checked and on disk before it counts.

        Raises:
            ReplyInvalid, SignatureInvalid, MalformedInput: it is kept as an incident and does not count.
        """
        try:
            outcome = await self._worker.run(lambda: self._check_and_store(member, reply))
        except ProofwardError as error:
            log.warning("reply-refused", member=member, query=reply.query_id, round=str(reply.round), code=error.code)
            raise
        if outcome is Outcome.COUNTED:
            collection = self._open.get((reply.query_id, reply.round))
            if collection is not None:
                collection.replies[member] = reply
                collection.changed.set()
            self._publish(_progress(member, reply))
        elif outcome is not Outcome.DUPLICATE:
            log.warning("reply-not-counted", member=member, query=reply.query_id, round=str(reply.round), why=str(outcome))
        return outcome

    def member_connected(self, member: int) -> None:
        """Ask a member that has just connected for everything that is waited for."""
        for collection in list(self._open.values()):
            if collection.durable and member in collection.missing:
                self._ask(member, collection)

    async def last_decision(self, member: int) -> SignedMessage | None:
        """The decision with the highest access-log position that this member ever signed here."""
        return await self._worker.run(lambda: self._store.last_decision(member))

    # Explanations

    async def explain(self, offer: Offer, *, deadline: float) -> Explanation:
        """Ask every connected member what it would decide about `offer`, until `deadline` (Unix seconds)."""
        request = ExplainRequest(request_id=secrets.token_hex(32), offer=offer)
        question = self._questions[request.request_id] = _Question(self._transport.connected())
        try:
            for member in sorted(question.asked):
                self._transport.send(member, request)
            await until(self._clock, question.changed, lambda: len(question.answers) == len(question.asked), deadline)
        finally:
            del self._questions[request.request_id]
        everybody = range(1, self.consortium.size + 1)
        return Explanation(question.answers, tuple(index for index in everybody if index not in question.answers))

    def receive_explanation(self, member: int, reply: ExplainReply) -> None:
        """Take an explanation from the stream of `member`; one that nobody waits for is dropped."""
        question = self._questions.get(reply.request_id)
        if question is not None and member in question.asked:
            question.answers.setdefault(member, reply)
            question.changed.set()

    # Progress

    @contextlib.asynccontextmanager
    async def subscribe(self, query_id: str) -> AsyncIterator[AsyncIterator[Progress]]:
        """The steps of a query as they happen, first those of its rounds so far. Ends when the context is left."""
        # At most two steps a member and round, so that the queue of a slow subscriber is bounded.
        queue: asyncio.Queue[Progress] = asyncio.Queue()
        self._subscribers.setdefault(query_id, set()).add(queue)
        try:
            past = await self._worker.run(lambda: [self._store.load_round(query_id, round_) for round_ in Round])
            yield _steps([step for stored in past if stored is not None for step in _history(stored)], queue)
        finally:
            self._subscribers[query_id].discard(queue)
            if not self._subscribers[query_id]:
                del self._subscribers[query_id]

    # Helpers

    def _ask(self, member: int, collection: _Collection) -> None:
        request = collection.stored.request
        if member not in collection.asked:
            collection.asked.add(member)
            self._publish(Progress(request.query_id, request.round, member, State.ASKED, None))
        self._transport.send(member, request)

    def _publish(self, step: Progress) -> None:
        for queue in self._subscribers.get(step.query_id, ()):
            queue.put_nowait(step)

    def _check_and_store(self, member: int, reply: RoundReply) -> Outcome:
        try:
            sequence = self._check(member, reply)
        except ProofwardError as error:
            self._store.add_incident(member, reply, error.code, self._clock.now())
            raise
        return self._store.add_reply(member, reply, sequence, self._clock.now())

    def _check(self, member: int, reply: RoundReply) -> int | None:
        """Check everything that can be known without the store; the log position of a decision."""
        message = reply.message
        if (message is None) == (reply.refusal is None):
            raise ReplyInvalid("a reply is either a message or a refusal", where=f"member {member}")
        if message is None:
            return None
        if message.sender != member:
            raise ReplyInvalid(f"the message is of member {message.sender}", where=f"member {member}")
        if reply.round is Round.DEAL and len(message.body) > 2 * max_deal_bytes(self.consortium.size):
            raise DealTooLarge("the deals of all members could not be passed on with this one", where=f"member {member}")
        body = signatures.open_message(self.consortium, message, reply.round, reply.query_id, _BODIES[reply.round])
        return body.log.sequence if isinstance(body, Decision) else None

    async def _until_complete(self, collection: _Collection, enough: Enough | None, grace: float) -> None:
        deadline = float(collection.stored.request.deadline)

        def complete() -> bool:
            return not collection.missing

        def sufficient() -> bool:
            messages = collection.messages
            return complete() or (
                len(messages) >= enough if isinstance(enough, int) else enough is not None and enough(messages)
            )

        await until(self._clock, collection.changed, sufficient, deadline)
        if not complete():
            await until(self._clock, collection.changed, complete, min(deadline, self._clock.now() + grace))


def _result(stored: StoredRound) -> RoundResult:
    messages = {member: reply.message for member, reply in stored.replies.items() if reply.message is not None}
    refusals = {member: reply.refusal for member, reply in stored.replies.items() if reply.refusal is not None}
    silent = tuple(member for member in stored.members if member not in stored.replies)
    return RoundResult(messages, refusals, silent, stored.conflicting, stored.closed_at or 0.0)


def _progress(member: int, reply: RoundReply) -> Progress:
    if reply.refusal is not None:
        return Progress(reply.query_id, reply.round, member, State.REFUSED, reply.refusal.code)
    return Progress(reply.query_id, reply.round, member, State.ANSWERED, None)


def _history(stored: StoredRound) -> list[Progress]:
    request = stored.request
    steps = [Progress(request.query_id, request.round, member, State.ASKED, None) for member in stored.members]
    steps += [_progress(member, reply) for member, reply in stored.replies.items()]
    if stored.closed:
        silent = (member for member in stored.members if member not in stored.replies)
        steps += [Progress(request.query_id, request.round, member, State.SILENT, None) for member in silent]
    return steps


async def _steps(past: list[Progress], queue: asyncio.Queue[Progress]) -> AsyncIterator[Progress]:
    told = set(past)
    for step in past:
        yield step
    while True:
        step = await queue.get()
        if step not in told:  # a step may be both in the past and in the queue
            told.add(step)
            yield step
