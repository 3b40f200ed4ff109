"""A query of several rounds through the whole service, also when the service dies between rounds."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from api.keys import Role
from api.packages import datasets_of
from api.store import State
from attestation.bundle import Bundle
from attestation.verify import verify_bundle
from tests.unit.api_support import Ground, ended, make_ground, submit
from tests.unit.test_api_resume import Crash, MortalStore, attested_on_chain

SQL = "SELECT sex, COUNT(*) AS n, MEDIAN(score) AS m FROM survey GROUP BY sex"


async def test_a_median_is_found_attested_and_posted(tmp_path: Path, database_url: str) -> None:
    ground = make_ground(tmp_path, database_url)
    running = ground.restart()
    async with running.working(), running.http(running.key(Role.BUYER, "acme")) as buyer:
        accepted = (await submit(buyer, sql=SQL)).json()
        status = await ended(buyer, accepted["id"])
        assert status["state"] == "done", status
        evidence = (await buyer.get(f"/v1/queries/{accepted['id']}/evidence")).content
        result = (await buyer.get(f"/v1/queries/{accepted['id']}/result")).json()
    verified = verify_bundle(evidence, ground.trust)
    assert verified.statement.predicate.offer.first_query_id == accepted["id"]
    assert len(verified.statement.predicate.offer.earlier) == 1
    assert verified.record is not None
    pooled = ground.world.pooled
    scores = {sex: [score for s, _, score in pooled if s == sex and score is not None] for sex in "fm"}
    assert result["result"]["rows"] == [[sex, sum(s == sex for s, _, _ in pooled), median(scores[sex])] for sex in "fm"]
    ground.close()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    ground = make_ground(tmp_path_factory.mktemp("ground"))
    yield ground
    ground.close()


@pytest.mark.parametrize("moment", ["step:plan#2", "step:deal#2", "step:open#2", "step:attest#2", "before attest"])
async def test_a_crash_between_rounds_changes_nothing_but_the_time(ground: Ground, moment: str) -> None:
    before = attested_on_chain(ground)
    running = ground.restart()
    async with running.http(running.key(Role.BUYER, "acme")) as buyer:
        query_id = str((await submit(buyer, f"crash-{moment}".replace(" ", "-"), sql=SQL)).json()["id"])
    store = MortalStore(ground.engine)
    store.moment = moment
    with pytest.raises(Crash):
        await dataclasses.replace(running.pipeline, queries=store).run(query_id)
    running.worker.close()

    again = ground.restart()
    await again.pipeline.run(query_id)
    record = again.services.queries.get(query_id)
    assert record.state is State.DONE, record.failure
    bundle = Bundle.from_bytes(again.services.queries.bundle(query_id) or b"", limit=1 << 24)
    assert len(bundle.earlier) == 1
    verify_bundle(bundle, ground.trust, datasets_of(bundle, again.services.packages))
    assert attested_on_chain(ground) == before + 1
    names = [event.name for event in again.services.queries.events(query_id)]
    assert len(names) == len(set(names))
    again.worker.close()
