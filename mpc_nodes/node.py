"""A hospital's node without the network: it takes requests of rounds and gives replies, durably.

    1. A node that found its own store rolled back answers nothing.
    2. A round that was answered is answered again with the stored bytes, if the request is the same.
    3. Otherwise the state is taken from the live sessions, or rebuilt from the store; both are the same.
    4. The round's `receive` checks the messages and gives the next state; its `answer` says what this node says.
    5. Request, messages and reply are on disk before the reply is returned.

What a crash means at each step is in docs/spec/06-rounds.md, "Crashes". One thread calls a node.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

from attestation.rounds import check_continues
from circuits.encode import RowSource
from circuits.schema import Schema
from mpc_nodes import access_log
from mpc_nodes.admission import Admissions
from mpc_nodes.datasets import Datasets
from mpc_nodes.errors import (
    NotOnCommittee,
    OfferExpired,
    OfferSchemaDiffers,
    QueryUnknown,
    RoundInputsInvalid,
    RoundReplayed,
    StateRolledBack,
)
from mpc_nodes.gatekeeper import RATE_SECONDS, Application, Gatekeeper
from mpc_nodes.rounds import attest, deal, decision, freeze, order, verdict
from mpc_nodes.rounds import open as open_round
from mpc_nodes.rounds.proofs import ProofJudge
from mpc_nodes.session import Checked, Dealt, Endorsed, Frozen, Identity, Offered, Opened, Session
from mpc_nodes.store import NodeStore
from protocol import canonical
from protocol.dataset import Registration, SignedRegistration
from protocol.document import Document
from protocol.errors import Kind, ProofwardError
from protocol.messages import MAX_BODY_BYTES, Decision, Refusal, Round, SignedMessage
from protocol.query import Offer
from protocol.relay import Acknowledgement, ExplainReply, ExplainRequest, RoundReply, RoundRequest
from protocol.signatures import open_message, sign_message, verify_message_signature

_MAX_LIVE: Final = 16  # sessions in memory; others are rebuilt when they are needed
_MAX_MESSAGE: Final = 2000  # characters of a refusal

log = structlog.get_logger(__name__)


class Node:
    """One member's node.

    Args:
        publish_root: puts a registration on chain and returns when it is there; raises a ProofwardError otherwise.
        clock: Unix seconds.
        entropy: the operating system's generator, `os.urandom`.
        threads: of the kernel, for proofs and their verification.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        store: NodeStore,
        datasets: Datasets,
        gatekeeper: Gatekeeper,
        publish_root: Callable[[Registration], None],
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        threads: int = 1,
    ) -> None:
        self._identity = identity
        self._store = store
        self._datasets = datasets
        self._gatekeeper = gatekeeper
        self._publish_root = publish_root
        self._clock = clock
        self._entropy = entropy
        self._threads = threads
        self._admissions = Admissions(identity, store, datasets, clock=clock, threads=threads)
        self._judge = ProofJudge(self._admissions.package, threads=threads)
        self._live: OrderedDict[str, Session] = OrderedDict()
        self._name = identity.consortium.member(identity.index).name

    # --- rounds ---

    def handle(self, request: RoundRequest) -> RoundReply:
        """The reply to a request: a message of this node, or a refusal. Raises nothing."""
        try:
            return self._handle(request)
        except ProofwardError as error:
            log.info("round-refused", query=request.query_id, round=request.round.value, code=error.code)
            return self._refuse(request, error)
        except Exception as error:  # noqa: BLE001 - a bug in one query must not stop the node; it is reported, not hidden
            # The message of a foreign error may hold values, so only its type and place are logged.
            log.error("round-failed", query=request.query_id, round=request.round.value, error=_place(error))
            return self._refuse(request, ProofwardError("the node failed; its log says where"))

    def _handle(self, request: RoundRequest) -> RoundReply:
        self._check_running()
        for message in request.inputs:
            self._check_own(message)
        record = self._store.round(request.query_id, request.round)
        if record is not None:
            if record.request_digest != request_digest(request):
                raise RoundReplayed(f"round {request.round} of this query has been answered to another request")
            return record.reply
        if request.round is Round.DECISION:
            return self._decide(request)
        return self._advance(request)

    def _decide(self, request: RoundRequest) -> RoundReply:
        offer, identity = request.offer, self._identity
        if offer is None or offer.query_id != request.query_id or request.inputs:
            raise RoundInputsInvalid("a decision needs an offer of this query, and nothing else")
        decision.check_offer(identity, offer, self._clock())
        self.forget_expired()
        keys = decision.OneTimeKeys((), ())
        verdict_: decision.Consent | ProofwardError
        try:
            offered = self._read(offer)
            check_continues(identity.consortium, offer, request.earlier, offered.schema)
            keys = decision.new_keys(identity.consortium, self._entropy)
            verdict_ = self._consent(offered)
        except ProofwardError as error:
            if error.kind is Kind.INTERNAL:
                raise
            verdict_ = error
        refusal = verdict_.code if isinstance(verdict_, ProofwardError) else None
        with self._store.writing() as connection:
            head = access_log.append(connection, offer, time=self._clock(), refusal=refusal, entropy=self._entropy)
            reply = self._reply(request, decision.answer(offer, verdict_, keys.public, head))
            self._store.add_query(connection, offer, keys.private)
            self._store.add_round(connection, request_digest(request), (), reply)
        log.info("decided", query=offer.query_id, buyer=offer.buyer, allowed=refusal is None, rule=refusal)
        return reply

    def _advance(self, request: RoundRequest) -> RoundReply:
        if request.offer is not None:
            raise RoundInputsInvalid("only the first round brings an offer")
        state = order.receive(self._identity, self._session(request.query_id), request.round, request.inputs, self._judge)
        reply = self._reply(request, self._answer(state))
        with self._store.writing() as connection:
            self._store.add_round(connection, request_digest(request), request.inputs, reply)
            if isinstance(state, Endorsed):
                self._store.forget(connection, request.query_id)
        if isinstance(state, Endorsed):
            self._live.pop(request.query_id, None)
            self._store.truncate_journal()
        else:
            self._remember(request.query_id, state)
        return reply

    def _answer(self, state: Session | Endorsed) -> Document:
        match state:
            case Dealt():
                return self._deal(state)
            case Checked():
                return verdict.answer(state)
            case Frozen():
                return freeze.answer(state)
            case Opened():
                return open_round.answer(self._identity, state)
            case Endorsed():
                return attest.answer(self._identity, state)
        raise RoundInputsInvalid("there is nothing to answer in this state")

    def _deal(self, state: Dealt) -> Document:
        deal.check_worth_dealing(state)
        table = self._datasets.table(state.decided.decision.root or "")
        dealt = deal.answer(self._identity, state, table, self._entropy, threads=self._threads)
        self._judge.made(dealt.contribution.contribution)
        return dealt

    # --- sessions ---

    def _session(self, query_id: str) -> Session:
        query = self._store.query(query_id)
        if query is None:
            raise QueryUnknown("this node has not decided on the query")
        if query.forgotten or query.offer.expires_at <= self._clock():
            raise OfferExpired("the query is over")
        live = self._live.get(query_id)
        if live is None:
            live = self._rebuild(query.offer)
            self._remember(query_id, live)
        return live

    def _rebuild(self, offer: Offer) -> Session:
        """The state of a query from what is stored."""
        first = self._store.round(offer.query_id, Round.DECISION)
        if first is None or first.reply.message is None:
            raise QueryUnknown("this node has not decided on the query")
        own = first.reply.message
        decided = Decision.from_bytes(bytes.fromhex(own.body), limit=MAX_BODY_BYTES)
        keys = self._store.keys(offer.query_id)
        if not keys:
            raise NotOnCommittee(f"this node gave no keys for the query, because of {decided.refusal}")
        state: Session | Endorsed = order.begin(offer, self._schema(offer), own, decided, keys)
        for round_ in order.LATER_ROUNDS:
            inputs = self._store.inputs(offer.query_id, round_)
            if inputs is not None and not isinstance(state, Endorsed):
                state = order.receive(self._identity, state, round_, inputs, self._judge)
        if isinstance(state, Endorsed):
            raise OfferExpired("the query is over")
        return state

    def _remember(self, query_id: str, state: Session) -> None:
        self._live[query_id] = state
        self._live.move_to_end(query_id)
        while len(self._live) > _MAX_LIVE:
            self._live.popitem(last=False)

    def forget_expired(self) -> list[str]:
        """Delete the keys and messages of every query whose time is over; returns their identifiers."""
        forgotten = self._store.forget_expired(self._clock())
        for query_id in forgotten:
            self._live.pop(query_id, None)
        return forgotten

    # --- decisions ---

    def explain(self, request: ExplainRequest) -> ExplainReply:
        """What this node would decide now. Nothing is logged, kept or spent. Raises nothing that a decision would not."""
        try:
            self._check_running()
            decision.check_offer(self._identity, request.offer, self._clock())
            consent = self._consent(self._read(request.offer))
        except ProofwardError as error:
            return ExplainReply(
                request_id=request.request_id, accept=False, refusal=error.code, minimum_cohort=0, minimum_hospitals=0
            )
        return ExplainReply(
            request_id=request.request_id,
            accept=True,
            refusal=None,
            minimum_cohort=consent.minimum_cohort,
            minimum_hospitals=consent.minimum_hospitals,
        )

    def _schema(self, offer: Offer) -> Schema:
        return self._datasets.schema(offer.dataset, offer.schema_hash)

    def _read(self, offer: Offer) -> Offered:
        return decision.read_offer(offer, self._schema(offer))

    def _consent(self, offered: Offered) -> decision.Consent:
        """The hospital's yes. Raises the rule that says no."""
        offer, plan, now = offered.offer, offered.plan, self._clock()
        with self._store.reading() as connection:
            recent = access_log.allowed_since(connection, offer.buyer, now - RATE_SECONDS)
        self._gatekeeper.check(
            Application(
                buyer=offer.buyer,
                purpose=offer.purpose,
                dataset=offer.dataset,
                publication=offer.publication,
                columns=frozenset(plan.columns_used),
                aggregates=frozenset(str(function) for function, _ in plan.aggregates_used),
                cells=plan.cells,
                recent=0 if offer.earlier else recent,  # a query that has begun is not stopped in the middle
            )
        )
        # A table that became valid after the question could have been made for it.
        registered = self._datasets.active(offer.dataset, min(now, offer.submitted_at))
        if registered.registration.schema_hash != offer.schema_hash:
            raise OfferSchemaDiffers(f"the active epoch of {offer.dataset} has another schema than the offer")
        limits = self._gatekeeper.limits
        return decision.Consent(registered.registration.root, limits.minimum_cohort, limits.minimum_hospitals)

    # --- datasets ---

    def register_dataset(
        self,
        source: RowSource,
        schema: Schema,
        *,
        epoch: int | None = None,
        threads: int = 1,
        progress: Callable[[int, str], None] | None = None,
    ) -> SignedRegistration:
        """Commit to a table, keep its snapshot and put its root on chain.

        Raises:
            ProofwardError: of the table, and then nothing is registered; or of the chain, and then `publish_pending`
                goes on from here.
        """
        signed = self._datasets.register(source, schema, epoch=epoch, threads=threads, progress=progress)
        self.publish_pending()
        return signed

    def publish_pending(self) -> None:
        """Put every registered root on chain that is not known to be there; call it at start."""
        for registered in self._datasets.all():
            if not registered.posted:
                self._publish_root(registered.registration)
                self._datasets.mark_posted(registered.registration.root)

    def registrations(self) -> list[SignedRegistration]:
        """The registrations whose roots are on chain, by dataset and epoch."""
        return [registered.signed for registered in self._datasets.all() if registered.posted]

    def package(self, root: str) -> bytes:
        """What the others need to check a table of this hospital. Raises DatasetUnknown, SnapshotDamaged."""
        return self._datasets.package(root)

    def acknowledged(self, acknowledgement: Acknowledgement) -> None:
        """The hub has a registration and its package on its disk, or refuses them; only people can help with the latter."""
        refusal = acknowledgement.refusal
        if refusal is None:
            log.info("registration-acknowledged", of=acknowledgement.of)
        else:
            log.error("registration-refused", of=acknowledgement.of, code=refusal.code)

    def wants(self, signed: SignedRegistration) -> bool:
        """Whether the package of another hospital's registration is to be sent. Raises as `check_registration`."""
        return self._admissions.wants(signed)

    def admit(self, signed: SignedRegistration, package: bytes) -> None:
        """Verify the package of another hospital's table and keep it. Raises as `Admissions.admit`."""
        self._admissions.admit(signed, package)

    # --- the store against what was signed ---

    def check_not_rolled_back(self, message: SignedMessage | None) -> None:
        """Compare the store with a message that this node signed, as kept by the hub: its last decision.

        The hub cannot invent such a message, so if the store does not hold it, the store is older than the node. Then the
        node stops for good: it has forgotten what it signed, and might sign something else (attacks.md M6).

        Raises:
            StateRolledBack: the node refuses every request from now on, also after a restart.
            SignatureInvalid: the message is not this node's; nothing follows from it.
        """
        self._check_running()
        if message is not None:
            consortium = self._identity.consortium
            if message.sender != self._identity.index:
                raise RoundInputsInvalid("the message is not of this node")
            if message.round is Round.DECISION:
                signed = open_message(consortium, message, Round.DECISION, message.query_id, Decision).log
                with self._store.reading() as connection:
                    if access_log.head_at(connection, signed.sequence) != signed:
                        self._halt(f"entry {signed.sequence} of the access log, which this node signed, is not in its store")
            self._check_own(message, strict=True)

    def _check_running(self) -> None:
        why = self._store.halted()
        if why is not None:
            raise StateRolledBack(why, hint="restore the newest state, or join again with new keys")

    def _check_own(self, message: SignedMessage, *, strict: bool = False) -> None:
        if message.sender != self._identity.index:
            return
        digest = canonical.sha256_hex(bytes.fromhex(message.body))
        try:
            verify_message_signature(
                self._identity.consortium, message.query_id, message.round, message.sender, digest, message.signature
            )
        except ProofwardError:
            if strict:
                raise
            return  # not ours after all; the round will refuse it
        record = self._store.round(message.query_id, message.round)
        if record is None or record.reply.message != message:
            self._halt(f"a {message.round} message that this node signed is not in its store")

    def _halt(self, why: str) -> None:
        self._store.halt(why)
        self._live.clear()
        log.critical("state-rolled-back", why=why)
        self._check_running()

    # --- replies ---

    def _reply(self, request: RoundRequest, document: Document) -> RoundReply:
        identity = self._identity
        message = sign_message(
            identity.keys.signing, identity.consortium, request.query_id, request.round, identity.index, document
        )
        return RoundReply(round=request.round, query_id=request.query_id, message=message, refusal=None)

    def _refuse(self, request: RoundRequest, error: ProofwardError) -> RoundReply:
        refusal = Refusal(code=error.code, message=error.message[:_MAX_MESSAGE], member=self._name)
        return RoundReply(round=request.round, query_id=request.query_id, message=None, refusal=refusal)


def request_digest(request: RoundRequest) -> str:
    """What makes two requests the same: everything but the deadline, which the hub may move after a restart."""
    return canonical.digest(
        {
            "round": request.round.value,
            "query_id": request.query_id,
            "offer": request.offer.digest if request.offer else None,
            "inputs": sorted(message.digest for message in request.inputs),
        }
    )


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else "unknown"
    return f"{type(error).__name__} at {where}"
