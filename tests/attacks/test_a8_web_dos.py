"""A8: what can be sent to make the service busy. Everything is refused early, as a problem, and the loop stays free."""

import asyncio
import time
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from api.keys import Role
from tests.unit.api_support import SUBMISSION, Ground, make_ground, tight


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ground = make_ground(tmp_path_factory.mktemp("ground"))
    yield ground
    ground.close()


def release(package: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version(package).split(".")[:3])


def test_the_web_stack_is_past_its_known_holes() -> None:
    assert release("starlette") >= (0, 49, 1)  # CVE-2024-47874, CVE-2025-54121, CVE-2025-62727
    pinned = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert '"starlette>=0.49.1"' in pinned
    # CVE-2024-24762, CVE-2026-40347: python-multipart is not ours, and what comes with another package is not called.
    assert "python-multipart" not in pinned


async def test_forms_and_other_bodies_are_not_parsed(ground: Ground) -> None:
    running = ground.restart()
    key = running.key(Role.OPERATOR)
    async with running.http(key) as client:
        parts = {f"field{i}": (None, "x") for i in range(200)}
        answers = [
            await client.post("/v1/keys", files=parts),
            await client.post("/v1/keys", data={"role": "operator"}),
            await client.post("/v1/keys", content=b"<role/>", headers={"Content-Type": "application/xml"}),
            await client.post("/v1/keys", content=b"{}"),
            await client.post("/chain/rpc", content=b"{}", headers={"Content-Type": "text/plain"}),
        ]
        assert [(a.status_code, a.json()["code"]) for a in answers] == [(415, "media-type-unsupported")] * 5


async def test_a_body_is_bounded_whether_or_not_it_says_how_long_it_is(ground: Ground) -> None:
    running = ground.restart()
    served = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal served
        while True:
            served += 1
            yield b" " * 65536

    json = {"Content-Type": "application/json"}
    async with running.http(running.key(Role.OPERATOR)) as client:
        declared = await client.post("/v1/keys", content=b"x", headers={**json, "Content-Length": "99999999"})
        huge = await client.post("/v1/keys", content=b"x", headers={**json, "Content-Length": "9" * 4000})
        negative = await client.post("/v1/keys", content=b"x", headers={**json, "Content-Length": "-1"})
        chunked = await client.post("/v1/keys", content=endless(), headers=json)
        rpc = await client.post("/chain/rpc", content=endless(), headers=json)
    for answer in (declared, huge, negative, chunked, rpc):
        assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
    assert served < 10


async def test_a_slow_body_is_given_up(ground: Ground) -> None:
    running = ground.restart(tight(body_seconds=1))

    async def dripping() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.2)

    async with running.http(running.key(Role.OPERATOR)) as client:
        started = time.monotonic()
        answer = await client.post("/v1/keys", content=dripping(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (408, "body-too-slow")
    assert time.monotonic() - started < 5


async def test_headers_are_bounded(ground: Ground) -> None:
    running = ground.restart()
    async with running.http() as client:
        many = await client.get("/v1/health", headers={f"x-{i}": "1" for i in range(100)})
        large = await client.get("/v1/health", headers={"x-large": "a" * (1 << 20)})
    for answer in (many, large):
        assert (answer.status_code, answer.json()["code"]) == (431, "headers-too-large")


async def test_ranges_are_not_served(ground: Ground) -> None:
    running = ground.restart()
    ranges = "bytes=" + ",".join(f"{i}-{i}" for i in range(1000))
    async with running.http() as client:
        plain = await client.get("/v1/errors/internal")
        ranged = await client.get("/v1/errors/internal", headers={"Range": ranges})
    assert (ranged.status_code, ranged.content) == (200, plain.content)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 65_000,
        b'{"sql":"SELECT 1","sql":"SELECT 2","purpose":"research"}',
        b'{"sql":' * 9_000,
        b'{"sql":"' + b"\\u0000" * 9_000 + b'","purpose":"research"}',
        b'{"sql":1e999999,"purpose":"research"}',
        b'{"sql":' + b"9" * 60_000 + b',"purpose":"research"}',
        b'{"sql":NaN,"purpose":"research"}',
        b"\xff\xfe{}",
        b'{"sql":"SELECT ' + b"(" * 9_000 + b'","purpose":"research"}',
        b'{"sql":"SELECT ' + b"NOT " * 2_000 + b'1 FROM survey","purpose":"research"}',
    ],
)
async def test_hostile_json_is_a_problem_at_once(ground: Ground, body: bytes) -> None:
    running = ground.restart()
    async with running.http(running.key(Role.BUYER, "acme")) as client:
        headers = {"Content-Type": "application/json", "Idempotency-Key": "hostile-1"}
        for path in ("/v1/queries", "/v1/queries/explain", "/chain/rpc"):
            started = time.monotonic()
            answer = await client.post(path, content=body, headers=headers)
            assert time.monotonic() - started < 3
            if path != "/chain/rpc" or answer.status_code != 200:
                assert answer.headers["content-type"] == "application/problem+json"
                assert 400 <= answer.status_code < 500, answer.text


async def test_rpc_batches_are_bounded(ground: Ground) -> None:
    running = ground.restart()
    one = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
    async with running.http() as client:
        assert len((await client.post("/chain/rpc", json=[one] * 20)).json()) == 20
        for batch in ([one] * 21, []):
            answer = await client.post("/chain/rpc", json=batch)
            assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")
        for method in ("evm_increaseTime", "eth_sendTransaction", "eth_accounts", "anvil_setBalance", "debug_traceCall"):
            refused = (await client.post("/chain/rpc", json={**one, "method": method})).json()
            assert refused["error"]["code"] == -32601


async def test_the_loop_stays_free_while_queries_are_compiled(ground: Ground) -> None:
    running = ground.restart()
    running.transport.up.clear()  # the nodes of this test share the process, and compile too
    lag = 0.0

    async def watch() -> None:
        nonlocal lag
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            lag = max(lag, time.monotonic() - before - 0.01)

    watching = asyncio.create_task(watch())
    conditions = " OR ".join(f"(age > {i} AND score < {i})" for i in range(40))
    sql = f"SELECT sex, COUNT(*) AS n FROM survey WHERE {conditions} GROUP BY sex"
    async with running.http(running.key(Role.BUYER, "acme")) as client:
        bodies = [{**SUBMISSION, "sql": sql}] * 10
        await asyncio.gather(*(client.post("/v1/queries/explain", json=body) for body in bodies))
    watching.cancel()
    # The compiler shares the interpreter lock with the loop, so a little lag is Python's; on the loop it would be seconds.
    assert lag < 0.2
