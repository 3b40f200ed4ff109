"""A2: API keys. Every bad token is refused in the same words; secrets are kept as hashes and never leave again."""

import hashlib
import hmac
from typing import Any

import pytest
import sqlalchemy as sa

from api.errors import AuthenticationRequired
from api.keys import KeyStore, Role
from tests.unit.api_support import Ground, make_ground, tight


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ground = make_ground(tmp_path_factory.mktemp("ground"))
    yield ground
    ground.close()


def bad_headers(good: str) -> dict[str, list[str]]:
    _, key_id, secret = good.split("_")
    flipped = ("0" if secret[0] != "0" else "1") + secret[1:]
    jwt = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJyb2xlIjoib3BlcmF0b3IifQ."
    return {
        "none": [],
        "empty": [""],
        "scheme only": ["Bearer"],
        "scheme and space": ["Bearer "],
        "no scheme": [good],
        "basic": [f"Basic {good}"],
        "unsigned jwt": [f"Bearer {jwt}"],
        "another secret": [f"Bearer pw_{key_id}_{flipped}"],
        "secret cut": [f"Bearer {good[:-1]}"],
        "secret longer": [f"Bearer {good}0"],
        "upper case": [f"Bearer pw_{key_id}_{secret.upper()}"],
        "unknown id": [f"Bearer pw_{'0' * 16}_{secret}"],
        "no id": [f"Bearer pw__{secret}"],
        "no secret": [f"Bearer pw_{key_id}_"],
        "hash as secret": [f"Bearer pw_{key_id}_{hashlib.sha256(secret.encode()).hexdigest()}"],
        "other prefix": [f"Bearer pk_{key_id}_{secret}"],
        "space inside": [f"Bearer pw_{key_id} _{secret}"],
        "trailing space": [f"Bearer {good} x"],
        "two keys": [f"Bearer {good},{good}"],
        "two headers": [f"Bearer {good}", f"Bearer {good}"],
        "sql": [f"Bearer pw_' OR '1'='1_{secret}"],
        "wildcard": [f"Bearer pw_%_{secret}"],
        "nul": [f"Bearer pw_{key_id}_{secret[:-1]}%00"],
    }


async def test_every_bad_token_gets_the_same_answer(ground: Ground) -> None:
    running = ground.restart()
    good = running.key(Role.OPERATOR)
    revoked, expired = running.key(Role.OPERATOR), running.key(Role.OPERATOR, expires_at=running.services.now)
    running.services.keys.revoke(revoked.split("_")[1], now=running.services.now)
    cases = bad_headers(good) | {"revoked": [f"Bearer {revoked}"], "expired": [f"Bearer {expired}"]}
    answers = set()
    async with running.http() as client:
        for case, values in cases.items():
            response = await client.get("/v1/keys", headers=[("Authorization", value) for value in values])
            problem = response.json()
            assert response.status_code == 401, case
            assert response.headers["www-authenticate"].startswith("Bearer"), case
            answers.add((problem["code"], problem["detail"], problem["title"], problem.get("hint"), problem.get("where")))
        assert len(answers) == 1
        assert (await client.get("/v1/keys", headers={"Authorization": f"bearer {good}"})).status_code == 200


async def test_a_key_counts_in_the_header_only(ground: Ground) -> None:
    running = ground.restart()
    key = running.key(Role.OPERATOR)
    async with running.http() as client:
        for path in (f"/v1/keys?api_key={key}", f"/v1/keys?access_token={key}&Authorization=Bearer%20{key}"):
            assert (await client.get(path)).status_code == 401
        assert (await client.get("/v1/keys", headers={"Cookie": f"Authorization=Bearer {key}"})).status_code == 401
        assert (await client.get("/v1/keys", headers={"X-Api-Key": key})).status_code == 401


async def test_a_key_is_stored_hashed_and_shown_once(ground: Ground) -> None:
    running = ground.restart()
    async with running.http(running.key(Role.OPERATOR)) as client:
        issued = (await client.post("/v1/keys", json={"role": "auditor", "label": "board"})).json()
        listed = (await client.get("/v1/keys")).text
    secret = issued["key"].split("_")[2]
    assert len(secret) == 64
    assert secret not in listed
    with ground.engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM api_keys")).all()
    assert hashlib.sha256(secret.encode()).hexdigest() in str(rows)
    assert secret not in str(rows)


async def test_revocation_takes_effect_with_the_next_request(ground: Ground) -> None:
    running = ground.restart()
    victim = running.key(Role.AUDITOR)
    async with running.http(running.key(Role.OPERATOR)) as operator, running.http(victim) as client:
        assert (await client.get("/v1/datasets")).status_code == 200
        key_id = victim.split("_")[1]
        assert (await operator.delete(f"/v1/keys/{key_id}")).status_code == 204
        assert (await client.get("/v1/datasets")).status_code == 401
        assert (await operator.delete(f"/v1/keys/{key_id}")).status_code == 204  # again is as good as once
        assert (await operator.delete(f"/v1/keys/{'f' * 16}")).json()["code"] == "api-key-not-found"


def test_secrets_are_compared_in_constant_time(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    store = KeyStore(ground.engine)
    key, record = store.issue(Role.AUDITOR, buyer=None, label="x", now=1)
    compared: list[tuple[Any, Any]] = []
    constant_time = hmac.compare_digest

    def spy(a: Any, b: Any) -> bool:
        compared.append((a, b))
        return constant_time(a, b)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    store.authenticate(key, now=2)
    for bad in (f"pw_{record.id}_{'0' * 64}", f"pw_{'0' * 16}_{'0' * 64}"):
        with pytest.raises(AuthenticationRequired):
            store.authenticate(bad, now=2)
    assert len(compared) == 3  # an unknown id costs a comparison too
    assert all(len(a) == len(b) == 64 for a, b in compared)


async def test_callers_are_rate_limited_one_by_one(ground: Ground) -> None:
    running = ground.restart(tight(requests_per_second=1, burst=5))
    async with running.http(running.key(Role.AUDITOR)) as greedy, running.http(running.key(Role.AUDITOR)) as modest:
        answers = [(await greedy.get("/v1/datasets")) for _ in range(8)]
        assert [answer.status_code for answer in answers].count(200) == 5
        refused = answers[-1]
        assert (refused.status_code, refused.json()["code"]) == (429, "rate-limited")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await modest.get("/v1/datasets")).status_code == 200
    async with running.http() as stranger:
        guesses = [(await stranger.get("/v1/datasets")).status_code for _ in range(8)]
        assert guesses == [401] * 5 + [429] * 3  # guessing keys is limited by address
