"""Submitting, explaining and following queries, and how queries fail."""

import asyncio
import dataclasses
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from api.keys import Role
from api.migrations import upgrade
from api.offers import Submission
from api.settings import Rounds
from api.store import QueryStore
from attestation.evidence import decode_evidence
from attestation.verify import verify_bundle
from mpc_nodes.database import create_engine
from mpc_nodes.policy import parse_policy
from protocol.messages import Round
from protocol.relay import RoundRequest
from tests.simulation.direct import POLICY
from tests.unit.api_support import FAST, SQL, SUBMISSION, Ground, Running, ended, make_ground, submit, tight

HURRIED = FAST.model_copy(
    update={"rounds": Rounds(decision=2, deal=2, verdict=2, freeze=2, open=2, attest=2, grace=0.05, query_lifetime=60)}
)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ground = make_ground(tmp_path_factory.mktemp("ground"))
    yield ground
    ground.close()


@pytest.fixture
async def running(ground: Ground) -> AsyncIterator[Running]:
    async with ground.restart(HURRIED).working() as running:
        yield running


def buyer(running: Running, name: str = "acme") -> httpx.AsyncClient:
    return running.http(running.key(Role.BUYER, name))


# --- submission ---------------------------------------------------------------------------------------------------------


async def test_one_key_is_one_query(running: Running) -> None:
    async with buyer(running) as client:
        first = await submit(client, "same-key-1")
        again = await submit(client, "same-key-1")
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.content == again.content
        other_body = await submit(client, "same-key-1", sql="SELECT COUNT(*) AS n FROM survey")
        assert (other_body.status_code, other_body.json()["code"]) == (409, "idempotency-conflict")
        other_key = await submit(client, "other-key-1")
        assert other_key.json()["id"] != first.json()["id"]
        await ended(client, first.json()["id"])
        # I3: after the answer, too.
        bundles = [(await client.get(f"/v1/queries/{first.json()['id']}/bundle")).content for _ in range(2)]
        assert (await submit(client, "same-key-1")).content == first.content
        assert bundles[0] == bundles[1]


async def test_a_submission_needs_a_usable_key(running: Running) -> None:
    async with buyer(running) as client:
        missing = await client.post("/v1/queries", json=SUBMISSION)
        assert (missing.status_code, missing.json()["code"]) == (422, "request-invalid")
        for key in ("short", "with space in it", "x" * 201, "line\tbreak-key"):
            assert (await submit(client, key)).status_code == 422, key


def test_concurrent_submissions_of_one_key_are_one_query(database_url: str, ground: Ground) -> None:
    engine = create_engine(database_url)
    upgrade(engine)
    store = QueryStore(engine)
    submission = Submission(sql=SQL, purpose="research")
    found: list[str] = []
    barrier = threading.Barrier(12)

    def work() -> None:
        barrier.wait()
        offer = ground.world.offer(SQL)
        found.append(store.submit(offer, idempotency_key="contended", request=submission.digest).id)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert len(set(found)) == 1
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM queries")).scalar_one() == 1
    engine.dispose()


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"sql": "SELECT age FROM survey"}, 422, "query-unsupported"),
        ({"sql": "DROP TABLE survey"}, 422, "query-unsupported"),
        ({"sql": "SELECT COUNT(*) AS n FROM survey WHERE nose = 1"}, 422, "query-unknown-name"),
        ({"sql": "SELECT COUNT(* FROM survey"}, 422, "query-syntax"),
        ({"sql": "SELECT COUNT(*) AS n FROM nothing", "dataset": "nothing"}, 404, "dataset-not-found"),
        ({"sql": "x" * 10_001}, 422, "request-invalid"),
        ({"sql": ""}, 422, "request-invalid"),
        ({"sql": 5}, 422, "request-invalid"),
        ({"purpose": "No Spaces!"}, 422, "request-invalid"),
        ({"publication": "everything"}, 422, "request-invalid"),
    ],
)
async def test_what_cannot_be_asked_is_refused_at_once(
    running: Running, changes: dict[str, Any], status: int, code: str
) -> None:
    async with buyer(running) as client:
        for path in ("/v1/queries", "/v1/queries/explain"):
            answer = await client.post(path, json={**SUBMISSION, **changes}, headers={"Idempotency-Key": "refused-1"})
            assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_queue_is_bounded(ground: Ground) -> None:
    full = ground.restart(FAST.model_copy(update={"queued_queries": len(unfinished(ground)) + 2}))
    async with buyer(full) as client:
        answers = [await submit(client, f"queue-full-{i}") for i in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 503]
        assert answers[2].json()["code"] == "queue-full"
        assert "retry-after" in answers[2].headers
        assert (await submit(client, "queue-full-0")).content == answers[0].content  # what is in, is in


def unfinished(ground: Ground) -> list[str]:
    return QueryStore(ground.engine).unfinished()


# --- explain ------------------------------------------------------------------------------------------------------------


async def test_explain_says_what_would_happen_and_does_nothing(ground: Ground, running: Running) -> None:
    ground.world.hospitals[4].policy = parse_policy("[limits]\nminimum_cohort = 5\nminimum_hospitals = 3\n")
    ground.world.reopen(4)
    try:
        async with buyer(running) as client:
            before = len((await client.get("/v1/queries?limit=100")).json()["queries"])
            explained = (await client.post("/v1/queries/explain", json=SUBMISSION)).json()
            assert len((await client.get("/v1/queries?limit=100")).json()["queries"]) == before
    finally:
        ground.world.hospitals[4].policy = parse_policy(POLICY)
        ground.world.reopen(4)
    assert explained["dataset"] == "survey"
    assert explained["columns"] == ["score", "sex"]
    assert sorted(explained["aggregates"]) == ["COUNT(*)", "SUM(score)"]
    assert explained["groups"] == 2
    assert explained["rounds"] == 1
    assert explained["disclosure"]["risk"] == "low"
    assert explained["cells"] == 6
    assert [h["answer"] for h in explained["hospitals"]] == ["accept", "accept", "accept", "refuse"]
    assert explained["hospitals"][3]["reason"] == "policy-buyer"
    assert explained["willing"] == 3
    assert explained["enough"] is True
    assert "digest" in explained["publication_effect"]


@pytest.mark.parametrize(
    ("sql", "rounds", "risk"),
    [
        ("SELECT MEDIAN(score) FROM survey", 2, "medium"),
        ("SELECT MAX(age) FROM survey", 1, "high"),
        ("SELECT TTEST(age, sex) FROM survey", 1, "low"),
    ],
)
async def test_explain_says_how_often_and_at_what_risk(running: Running, sql: str, rounds: int, risk: str) -> None:
    async with buyer(running) as client:
        explained = (await client.post("/v1/queries/explain", json={**SUBMISSION, "sql": sql})).json()
    assert (explained["rounds"], explained["disclosure"]["risk"]) == (rounds, risk)
    refusing = [hospital for hospital in explained["hospitals"] if hospital["reason"] == "policy-aggregate"]
    assert all(hospital["nearest"] for hospital in refusing)
    assert bool(refusing) == ("TTEST" in sql)  # what the tests' policy does not name


# --- failures are typed -------------------------------------------------------------------------------------------------


async def fails(running: Running, key: str, name: str = "acme", **changes: Any) -> dict[str, Any]:
    async with buyer(running, name) as client:
        accepted = (await submit(client, key, **changes)).json()
        status = await ended(client, accepted["id"])
        assert status["state"] == "failed", status
        for path in ("result", "bundle", "evidence"):
            answer = await client.get(f"/v1/queries/{accepted['id']}/{path}")
            assert (answer.status_code, answer.json()["code"]) == (409, "query-failed")
            assert answer.json()["where"] == status["failure"]["code"]
        attestations = (await client.get("/v1/attestations")).json()["attestations"]
        assert accepted["id"] not in [each["query_id"] for each in attestations]
        failure: dict[str, Any] = status["failure"]
        return failure


async def test_nobody_knows_the_buyer(running: Running) -> None:
    failure = await fails(running, "unknown-buyer", "rival")
    assert failure["code"] == "too-few-hospitals"
    assert failure["where"].count("policy-buyer") == 4


async def test_too_few_nodes_answer(running: Running) -> None:
    running.transport.up -= {3, 4}
    failure = await fails(running, "too-few-nodes")
    assert failure["code"] == "quorum-missing"
    assert "member 3: no-answer" in failure["where"]


async def test_every_cohort_is_too_small(ground: Ground, running: Running) -> None:
    ground.world.hospitals[2].policy = parse_policy(POLICY.replace("minimum_cohort = 1", "minimum_cohort = 100000"))
    ground.world.reopen(2)
    try:
        failures = [
            await fails(running, "too-small-1"),
            await fails(running, "too-small-2", sql="SELECT COUNT(*) AS n FROM survey WHERE age > 119"),
        ]
    finally:
        ground.world.hospitals[2].policy = parse_policy(POLICY)
        ground.world.reopen(2)
    # D6, I8: none looks like too few.
    assert failures[0] == failures[1]
    assert failures[0]["code"] == "cohort-too-small"


async def test_a_query_expires(ground: Ground) -> None:
    rounds = HURRIED.rounds.model_copy(update={"query_lifetime": 1})
    stopped = ground.restart(HURRIED.model_copy(update={"rounds": rounds}))
    async with buyer(stopped) as client:
        query_id = (await submit(client, "expires-soon")).json()["id"]
    await asyncio.sleep(1.1)
    await stopped.pipeline.run(query_id)
    failure = stopped.services.queries.get(query_id).failure
    assert failure is not None
    assert failure["code"] == "query-expired"


# --- dropouts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("round_", [Round.VERDICT, Round.FREEZE, Round.OPEN, Round.ATTEST])
async def test_one_node_may_vanish_after_dealing(ground: Ground, round_: Round) -> None:
    async with ground.restart(HURRIED).working() as running:

        def before(member: int, document: Any) -> bool:
            rounds = list(Round)
            gone = isinstance(document, RoundRequest) and rounds.index(document.round) >= rounds.index(round_)
            return not (member == 4 and gone)

        running.transport.before = before  # type: ignore[attr-defined]
        async with buyer(running) as client:
            query_id = (await submit(client, f"vanishes-{round_}")).json()["id"]
            assert (await ended(client, query_id))["state"] == "done"
            result = (await client.get(f"/v1/queries/{query_id}/result")).json()
        assert len(result["hospitals"]) == 4
        assert sum(row[1] for row in result["result"]["rows"]) == len(ground.world.pooled)


async def test_a_hospital_that_does_not_answer_is_left_out_and_named(ground: Ground) -> None:
    async with ground.restart(HURRIED).working() as running:
        running.transport.disconnect(2)
        async with buyer(running) as client:
            query_id = (await submit(client, "left-out-query")).json()["id"]
            status = await ended(client, query_id)
            result = (await client.get(f"/v1/queries/{query_id}/result")).json()
        assert status["state"] == "done"
        states = {each["hospital"]: (each["state"], each["reason"]) for each in status["progress"]["hospitals"]}
        assert states["hospital-2"] == ("left-out", "no-answer")
        assert result["left_out"] == [{"hospital": "hospital-2", "reason": "no-answer"}]
        present = [row for index, table in enumerate(ground.world.tables, 1) if index != 2 for row in table]
        assert sum(row[1] for row in result["result"]["rows"]) == len(present)


# --- reading ------------------------------------------------------------------------------------------------------------


async def test_bundle_result_attestation_and_dataset_agree(ground: Ground, running: Running) -> None:
    async with buyer(running) as client:
        early = (await submit(client, "reading-query", publication="aggregate")).json()["id"]
        unfinished = await client.get(f"/v1/queries/{early}/bundle")
        if unfinished.status_code != 200:
            assert unfinished.json()["code"] == "query-unfinished"
        status = await ended(client, early)
        bundle = await client.get(f"/v1/queries/{early}/bundle")
        tag = bundle.headers["etag"]
        assert tag.strip('"') == status["bundle_sha256"]
        assert bundle.headers["content-type"] == "application/json"
        cached = await client.get(f"/v1/queries/{early}/bundle", headers={"If-None-Match": tag})
        assert (cached.status_code, cached.content) == (304, b"")
        detail = (await client.get(f"/v1/attestations/{status['attestation']}")).json()
        assert detail["query_id"] == early
        assert detail["statement"]["predicate"]["offer"]["query_id"] == early
        assert detail["transaction"] == json.loads(bundle.content)["record"]["attestation"]["hash"]
        dataset = (await client.get("/v1/datasets/survey")).json()
        assert [column["name"] for column in dataset["table_schema"]["columns"]] == ["sex", "age", "score"]
        assert {each["epoch"] for each in dataset["registrations"]} == {1}
        assert [each["name"] for each in (await client.get("/v1/datasets")).json()["datasets"]] == ["survey"]
        trusted = await client.get("/v1/trust")
        assert ground.trust.consortium_digest in trusted.text
        assert (await client.get("/v1/ready")).json()["connected"] == 4
    async with running.http(running.key(Role.OPERATOR)) as operator:
        metrics = (await operator.get("/v1/metrics")).text
    assert 'proofward_step_seconds_count{step="attest"}' in metrics
    assert "proofward_nodes_connected 4.0" in metrics
    assert early not in metrics


async def test_the_evidence_file_is_the_bundle_with_the_packages(ground: Ground, running: Running) -> None:
    async with buyer(running) as client:
        query_id = (await submit(client, "evidence-query")).json()["id"]
        unfinished = await client.get(f"/v1/queries/{query_id}/evidence")
        if unfinished.status_code != 200:
            assert unfinished.json()["code"] == "query-unfinished"
        await ended(client, query_id)
        answer = await client.get(f"/v1/queries/{query_id}/evidence")
        assert answer.headers["content-type"] == "application/zip"
        tag = answer.headers["etag"]
        cached = await client.get(f"/v1/queries/{query_id}/evidence", headers={"If-None-Match": tag})
        assert (cached.status_code, cached.content) == (304, b"")
        evidence = decode_evidence(answer.content)
        assert evidence.bundle == (await client.get(f"/v1/queries/{query_id}/bundle")).content
        detail = (await client.get("/v1/datasets/survey")).json()
        assert set(evidence.datasets) == {each["root"] for each in detail["registrations"]}
        for root, package in evidence.datasets.items():
            alone = await client.get(f"/v1/datasets/roots/{root}/package")
            assert (alone.content, alone.headers["content-type"]) == (package, "application/octet-stream")
            unchanged = await client.get(f"/v1/datasets/roots/{root}/package", headers={"If-None-Match": f'"{root}"'})
            assert unchanged.status_code == 304
    verified = verify_bundle(answer.content, ground.trust)
    assert verified.statement.predicate.offer.query_id == query_id
    assert verified.assurance.contribution == verified.assurance.dataset == "proven"
    assert running.services.downloads.under_way == 0


async def test_an_unknown_root_has_no_package(running: Running) -> None:
    async with buyer(running) as client:
        for root in ("ab" * 32, "AB" * 32, "x"):
            answer = await client.get(f"/v1/datasets/roots/{root}/package")
            assert (answer.status_code, answer.json()["code"]) == (404, "package-not-found")


async def test_downloads_are_bounded(ground: Ground) -> None:
    running = ground.restart(tight(downloads=1))
    root = running.services.catalogue.registrations()[0].registration.root
    async with running.http(running.key(Role.AUDITOR)) as client:
        with running.services.downloads.place():
            answer = await client.get(f"/v1/datasets/roots/{root}/package")
            assert (answer.status_code, answer.json()["code"]) == (429, "rate-limited")
        assert (await client.get(f"/v1/datasets/roots/{root}/package")).status_code == 200


async def test_pages_follow_each_other(running: Running) -> None:
    async with buyer(running, "pager") as client:
        ids = [(await submit(client, f"paging-query-{i}")).json()["id"] for i in range(5)]
        seen: list[str] = []
        query = "limit=2"
        for _ in range(3):
            page = (await client.get(f"/v1/queries?{query}")).json()
            seen += [each["id"] for each in page["queries"]]
            query = f"limit=2&before={page['next']}"
        assert seen == ids[::-1]
        for bad in ("limit=0", "limit=101", "before=0", "before=99999999999999999999", "limit=x"):
            assert (await client.get(f"/v1/queries?{bad}")).json()["code"] == "request-invalid"


async def test_a_schema_that_changed_fails_the_query(ground: Ground) -> None:
    running = ground.restart(HURRIED)
    async with buyer(running) as client:
        query_id = (await submit(client, "changed-schema")).json()["id"]
    record = running.services.queries.get(query_id)
    other = dataclasses.replace(running.pipeline)
    changed = record.offer.model_copy(update={"plan_hash": "0" * 64})
    with ground.engine.begin() as connection:
        update = sa.text("UPDATE queries SET offer = :offer WHERE id = :id")
        connection.execute(update, {"offer": changed.encoded, "id": query_id})
    await other.run(query_id)
    failure = running.services.queries.get(query_id).failure
    assert failure is not None
    assert failure["code"] == "offer-changed"
