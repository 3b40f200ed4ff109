"""The story of one query, from its stored offer to its posted attestation.

    1. plan      compile the SQL of the offer again; the offer was fixed, with its plan, when the buyer submitted it;
                 wait a moment for members that are still verifying a table which it is about
    2. decision  every hospital decides alone, and gives one-time keys
    3. deal      the willing hospitals commit to their cells and deal shares of them
    4. verdict   every member checks every deal
    5. freeze    a quorum signs the same qualified set; from here on no hospital can withdraw
    6. open      that quorum exchanges sums of shares
    7. attest    every member derives and signs the statement; t+1 equal ones are an attestation; a query that searches for
                 order statistics goes on at 1, with an offer that follows from what was opened
    8. bundle    put the evidence together, verify it with the auditor's verifier, and fix it for ever
    9. publish   post the attestation, wait until it is confirmed, add the chain record, verify again
   10. finish    store the result, computed from the verified cells

After a crash the same function runs again for every unfinished query. Steps 2 to 7 repeat nothing: a round that was closed
is returned from the hub's store, one that was open goes on with the replies it had. Step 8 writes once, so there is one
statement; the publisher sends one transaction a purpose, and the contract accepts one attestation a query. What a crash
means in each state: docs/spec/09-api.md, "Crashes". A failure is typed and final, except that after step 8 the query waits
for whatever is unavailable: the answer exists, and only its posting is late.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from api import progress, quorum
from api.catalogue import Catalogue
from api.errors import CohortTooSmall, OfferChanged, QueryExpired
from api.jobs import NotNow
from api.metrics import Metrics
from api.packages import Packages, datasets_of, proofs_of
from api.posting import Poster
from api.progress import Bell
from api.settings import Settings
from api.store import Event, QueryStore, State
from attestation.assemble import assemble_bundle
from attestation.bundle import Bundle, with_earlier
from attestation.rounds import next_offer
from attestation.sign import statement_digest
from attestation.trust import Trust
from attestation.verify import VerifiedAttestation, verify_bundle
from circuits.offered import plan_of
from circuits.plan import Plan
from mpc_nodes.clock import Clock
from mpc_nodes.errors import DatasetNotAdmitted
from mpc_nodes.hub import Enough, Hub, RoundResult
from protocol.errors import Kind, ProofwardError
from protocol.messages import Round, SignedMessage
from protocol.query import Offer
from protocol.statement import Attested, Statement

T = TypeVar("T")

ADMISSION_SECONDS: Final = 30.0  # for members that are verifying a table which a query is about

log = structlog.get_logger("pipeline")


@dataclass(frozen=True)
class Pipeline:
    """Runs queries. Everything it needs is passed in; it has no state of its own."""

    trust: Trust
    hub: Hub
    catalogue: Catalogue
    packages: Packages
    queries: QueryStore
    poster: Poster
    clock: Clock
    settings: Settings
    bell: Bell
    metrics: Metrics

    async def run(self, query_id: str) -> None:
        """Bring the query to its end, from wherever it is.

        Raises:
            NotNow: its answer is attested, but what it needs to be posted is unavailable.
        """
        offer = (await _off_loop(self.queries.get, query_id)).offer
        await self._tell(offer, progress.started())
        attested = await _off_loop(self.queries.attested, query_id)
        try:
            # What members did is told until the end: it may still be on its way when their last round is over.
            async with contextlib.AsyncExitStack() as telling:
                if attested is None:
                    attested = await self._answer(offer, telling)
                await self._publish(offer, attested)
        except ProofwardError as error:
            if error.kind is Kind.UNAVAILABLE and attested is not None:
                log.warning("query.waiting", query=query_id, code=error.code)
                await self._tell(offer, progress.waiting(error.code))
                raise NotNow from error
            await self._fail(offer, error)

    async def _answer(self, first: Offer, telling: contextlib.AsyncExitStack) -> bytes:
        """Steps 1 to 8, of as many rounds of the query as it takes: the attested bundle, which is stored."""
        offer: Offer | None = first
        rounds: list[Bundle] = []
        while offer is not None:
            await telling.enter_async_context(self._telling_what_members_do(offer))
            statement, plan, bundle = await self._round(offer, rounds)
            rounds.append(bundle)
            offer = await _off_loop(next_offer, statement, plan)

        # 8. What is stored here is what is posted, whatever happens from now on.
        async with self._step(first, "bundle"):
            whole = with_earlier(rounds[-1], rounds[:-1])
            await self._verify(whole)
            digest = statement_digest(statement).hex()
            return await _off_loop(self.queries.attest, first.query_id, whole.encoded, digest)

    async def _round(self, offer: Offer, earlier: Sequence[Bundle]) -> tuple[Statement, Plan, Bundle]:
        """Steps 1 to 7, and their evidence."""
        consortium = self.trust.consortium
        self._check_expiry(offer)
        everybody = [member.index for member in consortium.members]

        # 1. The offer's plan must be what the registered schema still gives: the result is finished with it.
        async with self._step(offer, "plan"):
            schema = (await _off_loop(self.catalogue.dataset, offer.dataset)).schema
            plan = await _off_loop(plan_of, offer, schema)
            if (plan.hash, plan.schema_hash) != (offer.plan_hash, offer.schema_hash):
                raise OfferChanged("the dataset has another schema than when the query was submitted", hint="submit it again")
            await self._until_admitted(offer)

        # 2. No early end: a hospital that is slow to decide would be left out for the speed of the others.
        async with self._step(offer, Round.DECISION):
            decided = await self._collect(offer, Round.DECISION, [], everybody, earlier=earlier)
            committee = await self._admitted(offer, decided, quorum.committee(consortium, offer, decided))
            for index, decision in committee.decisions.items():
                name = consortium.member(index).name
                await self._tell(offer, progress.decided(name, decision.accept, decision.refusal))
            quorum.check_committee(consortium, committee, decided)

        # 3. Only the willing are asked; the others learn the decisions with the deals.
        async with self._step(offer, Round.DEAL):
            dealt = await self._collect(offer, Round.DEAL, committee.messages.values(), committee.accepting)
            quorum.check_deals(dealt)

        # 4. From here on a quorum is enough: who has vanished after dealing is in the answer all the same.
        async with self._step(offer, Round.VERDICT):
            inputs = [*committee.messages.values(), *dealt.messages.values()]
            verdicts = await self._collect(offer, Round.VERDICT, inputs, committee.members, consortium.quorum)
            quorum.check_enough(consortium.quorum, verdicts, Round.VERDICT)

        # 5. A quorum of equal freezes is the certificate that lets members open.
        async with self._step(offer, Round.FREEZE):
            enough = quorum.equal_bodies(consortium.quorum)
            frozen = await self._collect(offer, Round.FREEZE, verdicts.messages.values(), verdicts.messages, enough)
            freeze, signers = quorum.certificate(consortium, offer, frozen)
            for entry in freeze.left_out:
                await self._tell(offer, progress.left_out(consortium.member(entry.hospital).name, entry.reason))

        # 6.
        async with self._step(offer, Round.OPEN):
            opened = await self._collect(offer, Round.OPEN, frozen.messages.values(), signers, consortium.quorum)
            quorum.check_enough(consortium.threshold + 1, opened, Round.OPEN)

        # 7. t+1 equal statements contain one of an honest member; those that say something else do not count.
        async with self._step(offer, Round.ATTEST):
            enough = quorum.equal_statements(consortium, offer, consortium.quorum)
            endorsed = await self._collect(offer, Round.ATTEST, opened.messages.values(), opened.messages, enough)
            statement, signatures = await _off_loop(quorum.attestation, consortium, offer, endorsed)
            if all(cell is None for cell in statement.predicate.aggregate.cells):
                raise CohortTooSmall("no cell of the answer reaches the minimum cohort", hint="ask about a larger group")

        bundle = await _off_loop(
            assemble_bundle,
            consortium=consortium,
            statement=statement,
            signatures=signatures,
            registrations=await _off_loop(self.catalogue.registrations),
            contributions=quorum.contributions(consortium, offer, dealt),
            proofs=proofs_of(consortium, offer, dealt),
            decisions=list(committee.messages.values()),
            freezes=list(frozen.messages.values()),
        )
        return statement, plan, bundle

    async def _until_admitted(self, offer: Offer) -> None:
        """Wait a moment for members that have not verified the tables yet, so that they are not absent from the verdicts."""
        roots = await _off_loop(self.catalogue.in_question, offer.dataset, offer.submitted_at)
        if await self.hub.packages.waited_for(roots):
            await self._tell(offer, progress.waiting(DatasetNotAdmitted.code))
            await self.hub.packages.until_admitted(roots, self.clock.now() + ADMISSION_SECONDS)

    async def _admitted(self, offer: Offer, decided: RoundResult, found: quorum.Committee) -> quorum.Committee:
        """The committee whose deals enough members can judge. As of the round's closing: the same again after a crash."""
        holders = await self.hub.packages.admitted_by(found.roots, at=decided.closed_at)
        kept = quorum.admitted(self.trust.consortium, found, holders)
        for index in sorted(set(found.decisions) - set(kept.decisions)):
            name = self.trust.consortium.member(index).name
            await self._tell(offer, progress.left_out(name, DatasetNotAdmitted.code))
        return kept

    async def _publish(self, offer: Offer, attested: bytes) -> None:
        """Steps 9 and 10."""
        # 9. Posting is idempotent: the purpose is the query id, and the bytes to post are fixed.
        async with self._step(offer, "publish"):
            bundle = await _off_loop(self.poster.post, offer.query_id, attested)
            verified = await self._verify(bundle)
            if bundle.record is not None:
                await self._tell(offer, progress.posted(bundle.record.attestation.hash))

        # 10.
        async with self._step(offer, "finish"):
            result = self._result(offer, verified, bundle.digest)
            now = int(self.clock.now())
            last = progress.ended(State.DONE)
            await _off_loop(self.queries.finish, offer.query_id, bundle.encoded, result, last, now=now)
            self.bell.ring(offer.query_id)
        self.metrics.observe_end(State.DONE.value)
        log.info("query.done", query=offer.query_id)

    async def _verify(self, bundle: Bundle) -> VerifiedAttestation:
        datasets = await _off_loop(datasets_of, bundle, self.packages)
        return await _off_loop(verify_bundle, bundle, self.trust, datasets)

    def _result(self, offer: Offer, verified: VerifiedAttestation, bundle_sha256: str) -> dict[str, object]:
        predicate = verified.statement.predicate
        name = {member.index: member.name for member in self.trust.consortium.members}
        return {
            "query_id": offer.query_id,
            "attestation": statement_digest(verified.statement).hex(),
            "bundle_sha256": bundle_sha256,
            "result": verified.result.to_dict(),
            "hospitals": [name[part.hospital] for part in predicate.parts],
            "left_out": [{"hospital": name[each.hospital], "reason": each.reason} for each in predicate.left_out],
            "minimum_cohort": predicate.minimum_cohort,
            "assurance": predicate.assurance.model_dump(),
        }

    async def _fail(self, offer: Offer, error: ProofwardError) -> None:
        failure = error.to_dict()
        last = progress.ended(State.FAILED, failure)
        await _off_loop(self.queries.fail, offer.query_id, failure, last, now=int(self.clock.now()))
        self.bell.ring(offer.query_id)
        self.metrics.observe_end(error.code)
        log.warning("query.failed", query=offer.query_id, code=error.code)

    async def _collect(
        self,
        offer: Offer,
        round_: Round,
        inputs: Collection[SignedMessage],
        members: Collection[int],
        enough: Enough | None = None,
        earlier: Sequence[Bundle] = (),
    ) -> RoundResult:
        self._check_expiry(offer)
        now = self.clock.now()
        return await self.hub.collect(
            offer.query_id,
            round_,
            offer=offer if round_ is Round.DECISION else None,
            earlier=_attested(earlier[-1]) if earlier else None,
            inputs=sorted(inputs, key=lambda message: (_ORDER[message.round], message.sender)),
            members=members,
            deadline=min(now + getattr(self.settings.rounds, str(round_)), offer.expires_at),
            enough=enough,
            grace=self.settings.rounds.grace,
        )

    def _check_expiry(self, offer: Offer) -> None:
        if self.clock.now() >= offer.expires_at:
            raise QueryExpired("the query was not answered before its expiry", hint="submit it again")

    @contextlib.asynccontextmanager
    async def _step(self, offer: Offer, name: str) -> AsyncIterator[None]:
        await self._tell(offer, progress.step(str(name)))
        started = self.clock.now()
        yield
        self.metrics.observe_step(str(name), self.clock.now() - started)

    @contextlib.asynccontextmanager
    async def _telling_what_members_do(self, offer: Offer) -> AsyncIterator[None]:
        """While inside, what each member does becomes an event as it happens."""

        async def follow() -> None:
            async with self.hub.subscribe(offer.query_id) as steps:
                async for step in steps:
                    name = self.trust.consortium.member(step.member).name
                    await self._tell(offer, progress.hospital(name, step.round, str(step.state), step.code))

        following = asyncio.create_task(follow())
        try:
            yield
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following

    async def _tell(self, offer: Offer, event: Event) -> None:
        """Record an event of the query; the buyer knows it by the id of its first round."""
        told = progress.in_round(event, len(offer.earlier) + 1)
        await _off_loop(self.queries.record, offer.first_query_id, [told], now=int(self.clock.now()))
        self.bell.ring(offer.first_query_id)


def _attested(bundle: Bundle) -> Attested:
    """What members are shown of an earlier round."""
    return Attested(
        statement=bundle.payload.hex(), signatures=tuple(signature.hex() for signature in bundle.signatures.values())
    )


async def _off_loop(work: Callable[..., T], /, *arguments: Any, **named: Any) -> T:
    # Databases, signatures and proofs would stop every other query and every request.
    return await asyncio.to_thread(work, *arguments, **named)


_ORDER = {round_: position for position, round_ in enumerate(Round)}
