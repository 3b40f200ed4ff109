"""A1: every route x every kind of caller. The routes are taken from the application; the expectation is written here again,
by hand, so that an edit of the table that the application uses does not edit the test with it.

Hospitals, nodes and provers have no row: nothing over HTTP is theirs. Nodes speak gRPC to the hub under their own
certificates (tests/attacks/test_m10_*).
"""

from pathlib import Path
from typing import Any

import httpx
import pytest

from api.authorize import ACCESS, GuardedRoute
from api.keys import Role
from tests.unit.api_support import SQL, SUBMISSION, Ground, Running, ended, make_ground, submit

ANYBODY = "anonymous buyer other auditor operator revoked expired malformed"
KEYS = "buyer other auditor operator"
EXPECTED = {
    ("POST", "/v1/queries"): "buyer other",
    ("POST", "/v1/queries/explain"): "buyer other",
    ("GET", "/v1/queries"): "buyer other operator",
    ("GET", "/v1/queries/{query_id}"): "buyer operator",
    ("GET", "/v1/queries/{query_id}/events"): "buyer operator",
    ("GET", "/v1/queries/{query_id}/result"): "buyer",
    ("GET", "/v1/queries/{query_id}/bundle"): "buyer auditor",
    ("GET", "/v1/queries/{query_id}/evidence"): "buyer auditor",
    ("GET", "/v1/datasets"): KEYS,
    ("GET", "/v1/datasets/{name}"): KEYS,
    ("GET", "/v1/datasets/roots/{root}/package"): "buyer other auditor",
    ("GET", "/v1/attestations"): "buyer other auditor",
    ("GET", "/v1/attestations/{attestation_id}"): "buyer auditor",
    ("GET", "/v1/keys"): "operator",
    ("POST", "/v1/keys"): "operator",
    ("DELETE", "/v1/keys/{key_id}"): "operator",
    ("GET", "/v1/metrics"): "operator",
    ("GET", "/v1/consortium"): ANYBODY,
    ("GET", "/v1/trust"): ANYBODY,
    ("POST", "/chain/rpc"): ANYBODY,
    ("GET", "/v1/health"): ANYBODY,
    ("GET", "/v1/ready"): ANYBODY,
    ("GET", "/v1/errors/{code}"): ANYBODY,
    ("GET", "/v1/openapi.json"): ANYBODY,
}
# Of these, another buyer's key has the role but not the query: it must look as if the query did not exist.
OWNED = {
    ("GET", "/v1/queries/{query_id}"),
    ("GET", "/v1/queries/{query_id}/events"),
    ("GET", "/v1/queries/{query_id}/result"),
    ("GET", "/v1/queries/{query_id}/bundle"),
    ("GET", "/v1/queries/{query_id}/evidence"),
    ("GET", "/v1/attestations/{attestation_id}"),
}
BODIES: dict[str, Any] = {
    "/v1/queries": SUBMISSION,
    "/v1/queries/explain": SUBMISSION,
    "/v1/keys": {"role": "auditor", "label": "made by the matrix"},
    "/chain/rpc": {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []},
}


@pytest.fixture
def ground(tmp_path: Path) -> Any:
    ground = make_ground(tmp_path)
    yield ground
    ground.close()


def callers(running: Running) -> dict[str, str | None]:
    keys = running.services.keys
    revoked = running.key(Role.OPERATOR)
    keys.revoke(revoked.split("_")[1], now=running.services.now)
    return {
        "anonymous": None,
        "buyer": running.key(Role.BUYER, "acme"),
        "other": running.key(Role.BUYER, "rival"),
        "auditor": running.key(Role.AUDITOR),
        "operator": running.key(Role.OPERATOR),
        "revoked": revoked,
        "expired": running.key(Role.OPERATOR, expires_at=running.services.now - 1),
        "malformed": "pw_00_00",
    }


def test_every_route_has_a_row_here_and_there(ground: Ground) -> None:
    routes = ground.restart().app.routes
    assert all(isinstance(route, GuardedRoute) for route in routes)
    served = {(method, route.path) for route in routes for method in route.methods}  # type: ignore[attr-defined]
    assert served == set(EXPECTED) == set(ACCESS)


def test_a_route_without_a_row_cannot_be_defined() -> None:
    with pytest.raises(TypeError, match="row"):
        GuardedRoute("/v1/secret", lambda: None, methods=["GET"])
    with pytest.raises(TypeError, match="row"):
        GuardedRoute("/v1/queries", lambda: None, methods=["GET", "DELETE"])


async def test_the_matrix(ground: Ground) -> None:
    running = ground.restart()
    keys = callers(running)
    async with running.working():
        async with running.http(keys["buyer"]) as buyer:
            query_id = (await submit(buyer)).json()["id"]
            status = await ended(buyer, query_id)
        assert status["state"] == "done"
        victim = running.key(Role.AUDITOR).split("_")[1]
        values = {
            "query_id": query_id,
            "attestation_id": status["attestation"],
            "name": "survey",
            "root": running.services.catalogue.registrations()[0].registration.root,
            "code": "internal",
            "key_id": victim,
        }
        wrong = []
        for (method, template), allowed in EXPECTED.items():
            for caller, key in keys.items():
                async with running.http(key) as client:
                    response = await call(client, method, template, values)
                expected = verdict(caller, (method, template), allowed)
                if not matches(response, expected):
                    wrong.append((caller, method, template, response.status_code, expected))
        assert wrong == []


async def call(client: httpx.AsyncClient, method: str, template: str, values: dict[str, str]) -> httpx.Response:
    body = BODIES.get(template) if method == "POST" else None
    return await client.request(method, template.format(**values), json=body, headers={"Idempotency-Key": "matrix-key-1"})


def verdict(caller: str, route: tuple[str, str], allowed: str) -> str:
    if caller in allowed.split():
        return "allowed"
    if caller in ("anonymous", "revoked", "expired", "malformed"):
        return "authentication-required"
    if caller == "other" and route in OWNED:
        return "attestation-not-found" if "attestation" in route[1] else "query-not-found"
    return "role-forbidden"


def matches(response: httpx.Response, expected: str) -> bool:
    if expected == "allowed":
        return response.status_code < 300
    status = {"authentication-required": 401, "role-forbidden": 403}.get(expected, 404)
    return response.status_code == status and response.json()["code"] == expected


async def test_a_stranger_learns_nothing_from_bodies_that_are_not_read(ground: Ground) -> None:
    running = ground.restart()
    async with running.http() as client:
        for body in (b"", b"{", b"[]", b'{"role":"operator"}'):
            response = await client.post("/v1/keys", content=body, headers={"Content-Type": "application/json"})
            assert (response.status_code, response.json()["code"]) == (401, "authentication-required")


async def test_nobody_can_say_who_asks(ground: Ground) -> None:
    running = ground.restart()
    async with running.http(running.key(Role.BUYER, "acme")) as client:
        for extra in ("buyer", "role", "owner_id", "query_id", "nonce", "expires_at", "offer", "budget"):
            response = await submit(client, f"mass-assignment-{extra}", **{extra: "rival"})
            assert (response.status_code, response.json()["code"]) == (422, "request-invalid")
        accepted = await submit(client)
        assert (await client.get(f"/v1/queries/{accepted.json()['id']}")).json()["buyer"] == "acme"
    operator = running.key(Role.OPERATOR)
    async with running.http(operator) as client:
        for body in (
            {"role": "buyer", "label": "x"},  # a buyer key without a buyer
            {"role": "operator", "buyer": "acme", "label": "x"},
            {"role": "admin", "label": "x"},
            {"role": "auditor", "label": "x", "id": "0" * 16},
            {"role": "auditor", "label": "x", "secret_sha256": "0" * 64},
        ):
            response = await client.post("/v1/keys", json=body)
            assert (response.status_code, response.json()["code"]) == (422, "request-invalid"), body


async def test_lists_hold_only_what_the_caller_owns(ground: Ground) -> None:
    running = ground.restart()
    async with running.http(running.key(Role.BUYER, "acme")) as acme, running.http(running.key(Role.BUYER, "rival")) as rival:
        mine = (await submit(acme)).json()["id"]
        theirs = (await submit(rival)).json()["id"]
        assert mine != theirs  # the same key of another buyer is another query
        assert [each["id"] for each in (await acme.get("/v1/queries")).json()["queries"]] == [mine]
        assert [each["id"] for each in (await rival.get("/v1/queries?before=100")).json()["queries"]] == [theirs]
        for path in ("", "/events", "/result", "/bundle", "/evidence"):
            assert (await acme.get(f"/v1/queries/{theirs}{path}")).json()["code"] == "query-not-found"
    async with running.http(running.key(Role.OPERATOR)) as operator:
        listed = (await operator.get("/v1/queries")).json()["queries"]
        assert [each["sql"] for each in listed] == [SQL, SQL]
