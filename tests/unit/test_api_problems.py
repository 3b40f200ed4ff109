"""Every failure is a problem with a documented code, and the description of the API says what the API does."""

from pathlib import Path
from typing import Any

import pytest

from api.authorize import ACCESS
from api.errors import ReportedError, rebuild
from api.keys import Role
from api.problems import MEDIA_TYPE, Problem, status_of
from attestation.errors import VerificationFailed
from protocol.errors import REGISTRY, Kind, ProofwardError
from tests.unit.api_support import Ground, make_ground, submit

PAGES = Path(__file__).parents[2] / "docs" / "errors"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ground = make_ground(tmp_path_factory.mktemp("ground"))
    yield ground
    ground.close()


async def test_problems_have_one_form(ground: Ground) -> None:
    running = ground.restart()
    async with running.http(running.key(Role.BUYER, "acme")) as client, running.http() as stranger:
        answers = {
            401: await stranger.get("/v1/queries"),
            403: await client.get("/v1/keys"),
            404: await client.get("/v1/nothing"),
            405: await client.put("/v1/queries"),
            415: await client.post("/v1/queries", content=b"x"),
            422: await client.post("/v1/queries", json={}),
        }
        assert (await client.get("/v1/queries/")).status_code == 404  # no redirect from a slash too many
        assert answers[405].headers["allow"] in ("GET", "POST")
        for status, answer in answers.items():
            assert answer.status_code == status
            assert answer.headers["content-type"] == MEDIA_TYPE
            problem = Problem.model_validate(answer.json())
            assert problem.status == status
            assert problem.type == f"/v1/errors/{problem.code}"
            assert answer.headers["trace-id"] == problem.trace_id
            assert answer.headers["x-content-type-options"] == "nosniff"
            page = await stranger.get(problem.type)
            assert page.text.startswith(f"# {problem.code}\n")
        ids = {answer.json()["trace_id"] for answer in answers.values()}
        assert len(ids) == len(answers)


async def test_the_description_is_true(ground: Ground) -> None:
    running = ground.restart()
    async with running.http() as client:
        described = (await client.get("/v1/openapi.json")).json()
    operations = {
        (method.upper(), path): operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    assert operations.keys() == ACCESS.keys()
    assert "Problem" in described["components"]["schemas"]
    assert "HTTPValidationError" not in str(described)
    for route, operation in operations.items():
        roles = ACCESS[route]
        assert operation["security"] == ([] if roles is None else [{"key": []}])
        assert operation["x-roles"] == sorted(roles or ())
        documented = {int(status) for status in operation["responses"]}
        assert {408, 413, 415, 422, 429, 431, 500} <= documented, route
        assert ({401, 403} <= documented) == (roles is not None), route
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == [MEDIA_TYPE]
                assert all(code in REGISTRY for code in response["x-codes"])
                assert all((PAGES / f"{code}.md").exists() for code in response["x-codes"])


def test_every_kind_has_a_status() -> None:
    made = {kind: type("Sample", (ProofwardError,), {"kind": kind})("x") for kind in Kind}
    assert {kind: status_of(error) for kind, error in made.items()} == {
        Kind.INVALID: 422,
        Kind.DENIED: 403,
        Kind.NOT_FOUND: 404,
        Kind.CONFLICT: 409,
        Kind.REFUSED: 502,
        Kind.UNAVAILABLE: 503,
        Kind.INTERNAL: 500,
    }


def test_errors_are_rebuilt_by_code() -> None:
    original = VerificationFailed(13, "aggregate", "does not open")
    again = rebuild(original.to_dict())
    assert isinstance(again, VerificationFailed)
    assert again.to_dict() == original.to_dict()
    before = set(REGISTRY)
    unknown = rebuild({"code": "from-the-future", "kind": "conflict", "message": "later", "hint": "wait"})
    assert isinstance(unknown, ReportedError)
    assert unknown.to_dict() == {"code": "from-the-future", "kind": "conflict", "message": "later", "hint": "wait"}
    assert rebuild({"code": "another", "kind": "nonsense", "message": ""}).kind is Kind.INTERNAL
    assert unknown.code == "from-the-future"
    assert set(REGISTRY) == before  # a peer cannot register codes


async def test_validation_never_repeats_the_input(ground: Ground) -> None:
    running = ground.restart()
    async with running.http(running.key(Role.BUYER, "acme")) as client:
        for changes in ({"purpose": "S3CRET!"}, {"sql": {"S3CRET": 1}}, {"S3CRET": 1}, {"publication": "S3CRET"}):
            answer = await submit(client, "validation-1", **changes)
            assert answer.status_code == 422
            assert "S3CRET" not in answer.text
            assert answer.json()["where"].startswith("body")
