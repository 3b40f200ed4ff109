"""Server-sent events over a real connection: order, resumption, end."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from api.keys import Role
from api.progress import STEPS
from tests.unit.api_served import served
from tests.unit.api_support import FAST, Ground, Running, make_ground, submit, tight

Told = list[tuple[int, str, dict[str, Any]]]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ground = make_ground(tmp_path_factory.mktemp("ground"))
    yield ground
    ground.close()


@pytest.fixture
def running(ground: Ground) -> Running:
    return ground.restart(FAST)


async def follow(client: httpx.AsyncClient, query_id: str, *, after: str = "0", stop: int = 10_000) -> Told:
    """The events of a query until the stream ends, or until `stop` of them."""
    told: Told = []
    kind, number = "", 0
    async with client.stream("GET", f"/v1/queries/{query_id}/events", headers={"Last-Event-ID": after}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                told.append((number, kind, json.loads(line[6:])))
                if len(told) >= stop:
                    break
    return told


async def test_events_come_in_order_and_end_with_the_query(running: Running) -> None:
    key = running.key(Role.BUYER, "acme")
    async with served(running) as url, httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        query_id = (await submit(client, "events-in-order")).json()["id"]
        told = await asyncio.wait_for(follow(client, query_id), 60)
        assert [number for number, _, _ in told] == list(range(1, len(told) + 1))
        assert [data["step"] for _, kind, data in told if kind == "step"] == list(STEPS)
        assert told[-1][1:] == ("state", {"at": told[-1][2]["at"], "kind": "state", "state": "done"})
        hospitals = {data["hospital"] for _, kind, data in told if kind == "hospital"}
        assert hospitals == {f"hospital-{i}" for i in range(1, 5)}
        assert sum(kind == "posted" for _, kind, _ in told) == 1

        # Whoever was cut off goes on where it was, and whoever saw all is told nothing twice.
        half = len(told) // 2
        assert await follow(client, query_id, after=str(told[half][0])) == told[half + 1 :]
        assert await follow(client, query_id, after=str(told[-1][0])) == []
        for nonsense in ("-1", "x", "1.5", "\u0661"):
            encoded = {b"Last-Event-ID": nonsense.encode()}
            answer = await client.get(f"/v1/queries/{query_id}/events", headers=encoded)
            assert answer.status_code == 200
            assert answer.text.startswith("id: 1\n")


async def test_a_follower_who_comes_early_sees_everything(running: Running) -> None:
    key = running.key(Role.BUYER, "acme")
    async with served(running) as url, httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        query_id = (await submit(client, "events-early")).json()["id"]
        two = await asyncio.gather(follow(client, query_id), follow(client, query_id, stop=3))
        assert two[0][:3] == two[1]


async def test_event_streams_are_counted(ground: Ground) -> None:
    running = ground.restart(tight(event_streams=1))
    async with running.http(running.key(Role.BUYER, "acme")) as client:
        query_id = (await submit(client, "events-counted")).json()["id"]
        with running.services.bell.follow(query_id):
            refused = await client.get(f"/v1/queries/{query_id}/events")
            assert (refused.status_code, refused.json()["code"]) == (429, "rate-limited")
        assert running.services.bell.followers == 0


async def test_events_are_the_status(running: Running) -> None:
    key = running.key(Role.BUYER, "acme")
    async with served(running) as url, httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        query_id = (await submit(client, "events-status")).json()["id"]
        told = await follow(client, query_id)
        progress = (await client.get(f"/v1/queries/{query_id}")).json()["progress"]
        assert progress["last_event"] == told[-1][0]
        assert progress["step"] == "finish"
        # The last round closes with t+1 equal statements and a short grace: a slower hospital was silent in it, none failed.
        states = [each["state"] for each in progress["hospitals"]]
        assert len(states) == 4
        assert set(states) <= {"answered", "asked", "silent"}
        assert states.count("answered") >= 2
