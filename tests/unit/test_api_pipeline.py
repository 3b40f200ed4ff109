"""One query through the whole service."""

from pathlib import Path

from api.keys import Role
from attestation.verify import verify_bundle
from tests.unit.api_support import SQL, ended, make_ground, submit


async def test_a_query_is_answered_attested_and_posted(tmp_path: Path, database_url: str) -> None:
    ground = make_ground(tmp_path, database_url)
    running = ground.restart()
    async with running.working(), running.http(running.key(Role.BUYER, "acme")) as buyer:
        accepted = (await submit(buyer)).json()
        status = await ended(buyer, accepted["id"])
        assert status["state"] == "done", status
        evidence = (await buyer.get(f"/v1/queries/{accepted['id']}/evidence")).content
        result = (await buyer.get(f"/v1/queries/{accepted['id']}/result")).json()
    verified = verify_bundle(evidence, ground.trust)
    assert verified.statement.predicate.offer.sql == SQL
    assert verified.record is not None
    assert len(verified.record.registrations) == 4
    pooled = ground.world.pooled
    expected = [
        [sex, sum(s == sex for s, _, _ in pooled), sum(score or 0 for s, _, score in pooled if s == sex)] for sex in "fm"
    ]
    assert result["result"]["rows"] == expected
    ground.close()
