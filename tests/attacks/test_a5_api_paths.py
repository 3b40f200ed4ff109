"""A5: path traversal. Whatever is in the place of an id, no file and no row is read, and the answer is a 404 problem."""

from typing import Any

import pytest

from api.keys import Role
from tests.unit.api_support import Ground, make_ground

EVIL = [
    "..",
    "../..",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "%2e%2e%2fREADME",
    "..%5c..%5cREADME",
    "....//internal",
    "%2fetc%2fpasswd",
    "%252e%252e%252finternal",
    "internal%00",
    "internal%00.md",
    "%00",
    "internal.md",
    "internal%2fx",
    "..%c0%afinternal",
    "..\u2215internal",
    "\uff0e\uff0e\uff0finternal",
    "internal%0a",
    "INTERNAL",
    "%ff%fe",
    "'%20OR%201=1--",
    "a" * 5000,
    "~root",
    "C:%5cwindows",
    "file:%2f%2f%2fetc%2fpasswd",
]
TEMPLATES = {
    "/v1/errors/{}": Role.AUDITOR,
    "/v1/queries/{}": Role.OPERATOR,
    "/v1/queries/{}/events": Role.OPERATOR,
    "/v1/queries/{}/result": Role.BUYER,
    "/v1/queries/{}/bundle": Role.AUDITOR,
    "/v1/queries/{}/evidence": Role.AUDITOR,
    "/v1/datasets/{}": Role.AUDITOR,
    "/v1/datasets/roots/{}/package": Role.AUDITOR,
    "/v1/attestations/{}": Role.AUDITOR,
    "/v1/keys/{}": Role.OPERATOR,
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ground = make_ground(tmp_path_factory.mktemp("ground"))
    yield ground
    ground.close()


async def test_every_path_parameter_is_tried(ground: Ground) -> None:
    routes = {route.path for route in ground.restart().app.routes}  # type: ignore[attr-defined]
    with_parameter = {path.split("{")[0] + "{}" + path.split("}")[1] for path in routes if "{" in path}
    assert with_parameter == set(TEMPLATES)


@pytest.mark.parametrize("template", TEMPLATES)
async def test_no_path_leads_out(ground: Ground, template: str) -> None:
    running = ground.restart()
    role = TEMPLATES[template]
    key = running.key(role, "acme" if role is Role.BUYER else None)
    method = "DELETE" if "keys" in template else "GET"
    async with running.http(key) as client:
        for evil in EVIL:
            response = await client.request(method, template.format(evil))
            problem = response.json()
            assert response.status_code in (404, 405), (evil, response.text)
            assert response.headers["content-type"] == "application/problem+json", evil
            assert problem["code"].endswith("-not-found") or problem["code"] == "method-not-allowed", evil
            assert "root:" not in response.text, evil


async def test_error_pages_are_served_by_code(ground: Ground) -> None:
    running = ground.restart()
    async with running.http() as client:
        page = await client.get("/v1/errors/query-not-found")
        assert page.headers["content-type"].startswith("text/markdown")
        assert page.text.startswith("# query-not-found")
