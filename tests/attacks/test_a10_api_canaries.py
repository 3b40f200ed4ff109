"""A10: secrets that are planted in every place of a request are in no log line and in no answer."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from api.boundary import Boundary
from api.keys import Role
from api.routes import queries as queries_route
from tests.unit.api_support import SUBMISSION, Ground, ended, make_ground, submit

CANARY = "c0ffee5ecret"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ground = make_ground(tmp_path_factory.mktemp("ground"))
    yield ground
    ground.close()


@contextmanager
def recorded() -> Iterator[io.StringIO]:
    """Everything that is logged, as the hub process writes it, from the finest level on."""
    lines = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer(default=repr)],
        wrapper_class=structlog.make_filtering_bound_logger("debug"),
        logger_factory=structlog.PrintLoggerFactory(lines),
        cache_logger_on_first_use=False,
    )
    try:
        yield lines
    finally:
        structlog.configure(**before)


def clean(lines: io.StringIO, *secrets: str) -> None:
    for secret in (CANARY, *secrets):
        assert secret not in lines.getvalue()
    assert lines.getvalue()  # there was something to look through


async def test_nothing_planted_in_a_request_comes_out(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    running = ground.restart()
    key = running.key(Role.BUYER, "acme")
    headers = {"Idempotency-Key": f"{CANARY}-key"}
    with recorded() as lines:
        async with running.http(key) as client, running.http(f"pw_{CANARY}") as stranger:
            answers: list[httpx.Response] = [
                await client.post("/v1/queries", json={**SUBMISSION, "purpose": f"No {CANARY}!"}, headers=headers),
                await client.post("/v1/queries", json={**SUBMISSION, CANARY: 1}, headers=headers),
                await client.post("/v1/queries", json={**SUBMISSION, "publication": CANARY}, headers=headers),
                await client.post("/v1/queries", json={**SUBMISSION, "sql": [CANARY]}, headers=headers),
                await client.post("/v1/queries", json=[CANARY], headers=headers),
                await client.post("/v1/queries", json=SUBMISSION, headers={"Idempotency-Key": f"{CANARY} x"}),
                await client.post(
                    "/v1/queries", content=f'{{"{CANARY}'.encode(), headers={"Content-Type": "application/json"}
                ),
                await client.post("/v1/queries", content=CANARY, headers={"Content-Type": CANARY}),
                await client.get(f"/v1/queries/{CANARY}"),
                await client.get(f"/v1/queries?limit={CANARY}"),
                await client.get(f"/v1/datasets/{CANARY}"),
                await client.get(f"/v1/errors/{CANARY}"),
                await client.get(f"/{CANARY}?key={CANARY}"),
                await client.request(CANARY, "/v1/queries"),
                await stranger.get(f"/v1/queries?x={CANARY}", headers={"X-Trace": CANARY, "User-Agent": CANARY}),
                await client.post("/chain/rpc", json={"jsonrpc": "2.0", "id": 1, "method": CANARY, "params": [CANARY]}),
            ]
    for answer in answers:
        assert answer.status_code >= 400 or "/chain/rpc" in str(answer.url)
        assert CANARY not in answer.text, answer.text
        assert CANARY not in str({**answer.headers})
    clean(lines, key, key.split("_")[2])
    assert CANARY not in caplog.text


async def test_a_whole_query_leaves_no_secret_in_the_log(ground: Ground, tmp_path: Path) -> None:
    with recorded() as lines:
        running = ground.restart()
        key = running.key(Role.BUYER, "acme")
        async with running.working(), running.http(key) as client:
            query_id = (await submit(client, f"{CANARY}-whole")).json()["id"]
            assert (await ended(client, query_id))["state"] == "done"
            bundle = (await client.get(f"/v1/queries/{query_id}/bundle")).text
            status = (await client.get(f"/v1/queries/{query_id}")).text
            told = (await client.get(f"/v1/queries/{query_id}/events")).text
        async with running.http(running.key(Role.OPERATOR)) as operator:
            metrics = (await operator.get("/v1/metrics")).text
    secrets = [key, key.split("_")[2], ground.hub_key.hex()]
    for hospital in ground.world.hospitals.values():
        secrets += [hospital.identity.keys.attestation.hex(), hospital.identity.keys.signing.private_bytes_raw().hex()]
        secrets += [private.hex() for private in hospital.store.keys(query_id)]
    assert len(secrets) >= 3 + 8
    clean(lines, *secrets)
    for text in (bundle, status, told, metrics):
        assert not any(secret in text for secret in (CANARY, *secrets))


async def test_a_bug_answers_as_a_problem_and_tells_nothing(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    running = ground.restart()

    def explode(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"cannot parse {CANARY}")

    monkeypatch.setattr(queries_route, "_status", explode)
    with recorded() as lines:
        async with running.http(running.key(Role.BUYER, "acme")) as client:
            await submit(client, "bug-in-a-route")
            answer = await client.get("/v1/queries")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["trace-id"] == problem["trace_id"]
    clean(lines)
    (bug,) = [json.loads(line) for line in lines.getvalue().splitlines() if "request.bug" in line]
    assert bug["error"] == "RuntimeError"
    assert bug["trace_id"] == problem["trace_id"]
    assert any("explode" in place for place in bug["at"])


async def test_websockets_are_closed() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def nothing(*_: Any) -> None:
        raise AssertionError("the application must not see it")

    boundary = Boundary(nothing, limits=None, observe=None)  # type: ignore[arg-type]
    await boundary({"type": "websocket"}, None, send)  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]
