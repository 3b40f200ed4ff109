"""A query ends rightly wherever the hub dies: crash at every durable step, start again, look at answer and chain."""

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from api.jobs import Jobs, NotNow
from api.keys import Role
from api.packages import datasets_of
from api.posting import Poster
from api.progress import STEPS
from api.store import Event, QueryStore, State
from attestation.bundle import Bundle
from attestation.chain_errors import ChainUnavailable
from attestation.verify import verify_bundle
from tests.unit.api_support import FAST, Ground, Running, make_ground, submit

CRASHES = [
    "running",
    *(f"step:{step}" for step in ("plan", "decision", "deal", "verdict", "freeze", "open", "attest", "bundle", "publish")),
    "decided:hospital-2",
    "posted",
    "step:finish",
    "before attest",
    "after attest",
    "before post",
    "after post",
    "before finish",
    "after finish",
]


class Crash(Exception):
    """The process dies here."""


class MortalStore(QueryStore):
    """A store whose process dies at one moment."""

    moment = ""

    def record(self, query_id: str, happened: Sequence[Event], *, now: int) -> int:
        last = super().record(query_id, happened, now=now)
        if any(event.name == self.moment for event in happened):
            raise Crash
        return last

    def attest(self, query_id: str, bundle: bytes, statement: str) -> bytes:
        self._die("before attest")
        fixed = super().attest(query_id, bundle, statement)
        self._die("after attest")
        return fixed

    def finish(self, query_id: str, bundle: bytes, result: dict[str, Any], last: Event, *, now: int) -> None:
        self._die("before finish")
        super().finish(query_id, bundle, result, last, now=now)
        self._die("after finish")

    def _die(self, moment: str) -> None:
        if moment == self.moment:
            raise Crash


@dataclasses.dataclass(frozen=True)
class MortalPoster(Poster):
    moment: str = ""

    def post(self, query_id: str, attested: bytes) -> Bundle:
        if self.moment == "before post":
            raise Crash
        bundle = super().post(query_id, attested)
        if self.moment == "after post":
            raise Crash
        return bundle


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ground = make_ground(tmp_path_factory.mktemp("ground"))
    yield ground
    ground.close()


async def new_query(running: Running, key: str) -> str:
    async with running.http(running.key(Role.BUYER, "acme")) as buyer:
        return str((await submit(buyer, key)).json()["id"])


def attested_on_chain(ground: Ground) -> int:
    head = ground.chain.head.block_number
    blocks = [ground.chain.mined(number) for number in range(1, head + 1)]
    contract = bytes.fromhex(ground.trust.chain.contract[2:])
    sender = bytes.fromhex(ground.restart().pipeline.poster.publisher.account[2:])
    sent = [b for b in blocks if b is not None and b.transaction.to == contract and bytes(b.transaction.sender) == sender]
    assert all(block.succeeded for block in sent)
    return len(sent)


@pytest.mark.parametrize("moment", CRASHES)
async def test_a_crash_changes_nothing_but_the_time(ground: Ground, moment: str) -> None:
    before = attested_on_chain(ground)
    running = ground.restart()
    query_id = await new_query(running, f"crash {moment}".replace(" ", "-"))
    store = MortalStore(ground.engine)
    store.moment = moment
    poster = MortalPoster(running.pipeline.poster.ledger, running.pipeline.poster.publisher, moment)
    with pytest.raises(Crash):
        await dataclasses.replace(running.pipeline, queries=store, poster=poster).run(query_id)
    running.worker.close()
    fixed = store.attested(query_id)

    again = ground.restart()
    await again.pipeline.run(query_id)
    record = again.services.queries.get(query_id)
    assert record.state is State.DONE, record.failure
    bundle = again.services.queries.bundle(query_id)
    assert bundle is not None
    datasets = datasets_of(Bundle.from_bytes(bundle, limit=1 << 24), again.services.packages)
    verified = verify_bundle(bundle, ground.trust, datasets)
    assert verified.record is not None
    assert sum(row[1] for row in verified.result.rows if isinstance(row[1], int)) == len(ground.world.pooled)
    if fixed is not None:
        assert again.services.queries.attested(query_id) == fixed
    assert attested_on_chain(ground) == before + 1
    names = [event.name for event in again.services.queries.events(query_id)]
    assert len(names) == len(set(names))
    await again.pipeline.run(query_id)  # and once more: a finished query stays as it is
    assert again.services.queries.bundle(query_id) == bundle
    assert attested_on_chain(ground) == before + 1
    again.worker.close()


class Away(Poster):
    def post(self, query_id: str, attested: bytes) -> Bundle:
        raise ChainUnavailable("the endpoint does not answer")


async def test_an_attested_answer_waits_for_the_chain(ground: Ground) -> None:
    running = ground.restart()
    query_id = await new_query(running, "chain-away")
    away = dataclasses.replace(
        running.pipeline, poster=Away(running.pipeline.poster.ledger, running.pipeline.poster.publisher)
    )
    for _ in range(2):
        with pytest.raises(NotNow):
            await away.run(query_id)
    record = running.services.queries.get(query_id)
    assert record.state in (State.QUEUED, State.RUNNING)
    assert "waiting:chain-unavailable" in [event.name for event in running.services.queries.events(query_id)]
    await running.pipeline.run(query_id)
    assert running.services.queries.get(query_id).state is State.DONE
    running.worker.close()


async def test_only_one_runner_has_a_query(ground: Ground) -> None:
    running = ground.restart()
    query_id = await new_query(running, "claims-query")
    store = running.services.queries
    assert store.claim(query_id, owner="a", now=100, until=130)
    assert not store.claim(query_id, owner="b", now=129, until=160)
    assert store.claim(query_id, owner="a", now=129, until=160)  # a renewal
    assert not store.claim(query_id, owner="b", now=159, until=190)
    assert store.claim(query_id, owner="b", now=161, until=190)  # `a` has not renewed: it is presumed dead
    assert not store.claim(query_id, owner="a", now=162, until=190)
    assert not store.claim("0" * 64, owner="a", now=1, until=2)


async def test_the_runner_survives_a_bug_and_tries_again(ground: Ground) -> None:
    running = ground.restart()
    query_id = await new_query(running, "buggy-query")
    running.services.queries.claim(query_id, owner="x", now=0, until=1)
    calls = []

    async def run(asked: str) -> None:
        calls.append(asked)
        if len(calls) < 3:
            raise RuntimeError("a bug that quotes a secret")
        await running.pipeline.run(asked)

    jobs = Jobs(running.services.queries, run, clock=ground.clock, settings=FAST, instance="y")
    serving = asyncio.create_task(jobs.serve())
    for _ in range(400):
        if running.services.queries.get(query_id).state is State.DONE:
            break
        await asyncio.sleep(0.05)
    serving.cancel()
    assert running.services.queries.get(query_id).state is State.DONE
    assert calls.count(query_id) >= 1
    assert len(calls) >= 3
    running.worker.close()


def test_the_moments_are_all_that_exist() -> None:
    assert {moment.removeprefix("step:") for moment in CRASHES if moment.startswith("step:")} == set(STEPS)
