"""The Python client against the real service, and against services that lie."""

import asyncio
import html
import json
import sys
import threading
import warnings
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.keys import Role
from attestation.bundle import Bundle
from attestation.errors import TrustInvalid, VerificationFailed
from attestation.evidence import decode_evidence
from attestation.trust import render_trust
from attestation.verify import verify_bundle
from circuits.errors import QueryUnknownName
from mpc_nodes.errors import TooFewHospitals
from proofward import Client, Result, connect
from proofward.client_errors import (
    AnswerMismatch,
    ExtraMissing,
    ServiceResponseInvalid,
    ServiceUnreachable,
    TrustRequired,
    WaitExpired,
)
from proofward.pinning import TrustPinned
from protocol.errors import ProofwardError
from tests.unit.api_served import served
from tests.unit.api_support import FAST, SQL, Ground, Running, make_ground, tight


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ground = make_ground(tmp_path_factory.mktemp("ground"))
    yield ground
    ground.close()


@pytest.fixture
def running(ground: Ground) -> Running:
    return ground.restart(FAST)


async def ask(running: Running, work: Callable[[Client], Any], *, buyer: str = "acme", **options: Any) -> Any:
    """What `work` makes of a client of the served service, in a thread as in a user's program."""
    key = running.key(Role.BUYER, buyer)
    async with served(running) as url:
        with connect(url, api_key=key, trust=running.ground.trust, **options) as client:
            return await asyncio.to_thread(work, client)


async def test_a_query_is_one_call(ground: Ground, running: Running, tmp_path: Path) -> None:
    result: Result = await ask(running, lambda client: client.query(SQL, purpose="research"))
    pooled = ground.world.pooled
    assert result.columns == ("sex", "n", "total")
    assert result.rows == tuple(
        (sex, sum(s == sex for s, _, _ in pooled), sum(score or 0 for s, _, score in pooled if s == sex)) for sex in "fm"
    )
    assert (result.suppressed, dict(result.left_out)) == ((), {})
    assert result.hospitals == ("hospital-1", "hospital-2", "hospital-3", "hospital-4")
    frame = result.to_pandas()
    assert list(frame.columns) == ["sex", "n", "total"]
    assert len(frame) == 2
    saved = result.attestation.save(tmp_path / "evidence.zip")
    assert verify_bundle(saved.read_bytes(), ground.trust).statement == result.attestation.statement
    assert result.attestation.transaction is not None
    assert "total proven, contributions proven, datasets proven, noise none" in repr(result)
    assert "sex" in repr(result).splitlines()[0]


async def test_the_rest_of_the_client(running: Running) -> None:
    def work(client: Client) -> None:
        explained = client.explain(SQL, purpose="research")
        assert explained["willing"] == 4
        assert [each["name"] for each in client.datasets()] == ["survey"]
        assert client.dataset("survey")["agreed"] is True
        result = client.query(SQL, purpose="research", publication="aggregate", idempotency_key="rest-of-the-client")
        again = client.query(SQL, purpose="research", publication="aggregate", idempotency_key="rest-of-the-client")
        assert result.query_id == again.query_id
        assert result.attestation.bundle == again.attestation.bundle == client.bundle(result.query_id)
        evidence = decode_evidence(client.evidence(result.query_id))
        assert (evidence.bundle, evidence.datasets) == (result.attestation.bundle, result.attestation.datasets)
        assert all(client.package(root) == package for root, package in evidence.datasets.items())
        assert client.attestations()[0]["id"] == result.attestation.id
        assert client.status(result.query_id)["state"] == "done"
        assert result.query_id in [each["id"] for each in client.queries()]

    await ask(running, work)


async def test_errors_keep_their_class(running: Running) -> None:
    def unknown_name(client: Client) -> None:
        with pytest.raises(QueryUnknownName) as caught:
            client.query("SELECT COUNT(*) AS n FROM survey WHERE nose = 1", purpose="research")
        assert caught.value.where is not None

    def refused(client: Client) -> None:
        with pytest.raises(TooFewHospitals, match="0 hospitals"):
            client.query(SQL, purpose="research")

    await ask(running, unknown_name)
    await ask(running, refused, buyer="rival")

    def anonymous(client: Client) -> None:
        with pytest.raises(ProofwardError) as caught:
            client.datasets()
        assert caught.value.code == "authentication-required"

    async with served(running) as url:
        await asyncio.to_thread(anonymous, connect(url, api_key="pw_0_0", trust=running.ground.trust))


async def test_waiting_ends_when_the_caller_says(ground: Ground) -> None:
    running = ground.restart(FAST)
    running.transport.up.clear()

    def work(client: Client) -> None:
        with pytest.raises(WaitExpired, match=r"client\.result"):
            client.query(SQL, purpose="research", wait=0.5)

    await ask(running, work)


async def test_without_event_streams_the_client_asks_now_and_then(ground: Ground) -> None:
    running = ground.restart(tight(event_streams=1))
    with running.services.bell.follow("somebody else"):
        result: Result = await ask(running, lambda client: client.query(SQL, purpose="research"))
    assert len(result.rows) == 2


async def test_too_many_requests_are_made_more_slowly(ground: Ground) -> None:
    running = ground.restart(tight(requests_per_second=2, burst=2))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        threading.Event().wait(min(seconds, 1))

    names = await ask(running, lambda client: [client.datasets()[0]["name"] for _ in range(4)], sleep=sleep)
    assert names == ["survey"] * 4
    assert slept
    assert all(seconds >= 1 for seconds in slept)


def test_trust_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(TrustRequired):
        connect("http://127.0.0.1:1")
    with pytest.raises(TrustInvalid):
        connect("http://127.0.0.1:1", trust=tmp_path / "missing.toml")


async def test_first_use_pins_and_says_so(running: Running, tmp_path: Path) -> None:
    key = running.key(Role.BUYER, "acme")
    async with served(running) as url:
        with pytest.warns(TrustPinned, match="pinned in"):
            first = await asyncio.to_thread(
                lambda: connect(url, api_key=key, trust="first-use", trust_directory=tmp_path / "pins")
            )
        assert first.trust == running.ground.trust
        (pinned,) = (tmp_path / "pins").iterdir()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again = await asyncio.to_thread(
                lambda: connect(url, api_key=key, trust="first-use", trust_directory=tmp_path / "pins")
            )
        assert again.trust == first.trust
        # A service that changes its mind afterwards is not believed.
        other = render_trust(first.trust).replace(first.trust.chain.contract, "0x" + "12" * 20)
        pinned.write_text(other)
        changed = await asyncio.to_thread(
            lambda: connect(url, api_key=key, trust="first-use", trust_directory=tmp_path / "pins")
        )
        with pytest.raises(VerificationFailed):
            await asyncio.to_thread(changed.query, SQL, purpose="research")


def test_the_key_is_in_no_representation(ground: Ground) -> None:
    client = connect("http://127.0.0.1:1", api_key="pw_canary_canary", trust=ground.trust)
    assert "canary" not in repr(client) + str(client)


def test_pandas_is_optional(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    result = Result.__new__(Result)
    with pytest.raises(ExtraMissing, match=r"proofward\[pandas\]"):
        result.to_pandas()


# --- services that lie --------------------------------------------------------------------------------------------------


class Liar(httpx.BaseTransport):
    """The real answers, changed by `change(path, answer)` on their way."""

    def __init__(self, change: Callable[[str, bytes], bytes]) -> None:
        self._change = change
        self._network = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._network.handle_request(request)
        content = response.read()
        return httpx.Response(
            response.status_code, headers={"Content-Type": "x"}, content=self._change(request.url.path, content)
        )


async def test_a_changed_bundle_is_refused(running: Running) -> None:
    def change(path: str, content: bytes) -> bytes:
        if not path.endswith("/bundle"):
            return content
        bundle = Bundle.from_bytes(content, limit=1 << 24)
        payload = bundle.payload.replace(b'"cells":["', b'"cells":["1', 1)
        envelope = bundle.envelope.model_copy(update={"payload": b64encode(payload).decode()})
        return bundle.model_copy(update={"envelope": envelope}).encoded

    def work(client: Client) -> None:
        with pytest.raises(VerificationFailed) as caught:
            client.query(SQL, purpose="research")
        assert caught.value.step == "signatures"

    await ask(running, work, transport=Liar(change))


async def test_a_changed_package_is_refused_and_not_kept(running: Running) -> None:
    def change(path: str, content: bytes) -> bytes:
        changed = lying and path.endswith("/package")
        return content[:-1] + bytes([content[-1] ^ 1]) if changed else content

    lying = [True]

    def work(client: Client) -> None:
        with pytest.raises(VerificationFailed) as caught:
            client.query(SQL, purpose="research", idempotency_key="changed-package")
        assert caught.value.step == "admission"
        lying.clear()
        assert client.query(SQL, purpose="research", idempotency_key="changed-package").rows

    await ask(running, work, transport=Liar(change))


async def test_packages_are_fetched_once_for_many_answers(running: Running) -> None:
    fetched: list[str] = []

    def count(path: str, content: bytes) -> bytes:
        if path.endswith("/package"):
            fetched.append(path)
        return content

    def work(client: Client) -> None:
        for _ in range(3):
            client.query(SQL, purpose="research")

    await ask(running, work, transport=Liar(count))
    assert len(fetched) == len(set(fetched)) == 4


async def test_the_answer_to_another_question_is_refused(running: Running) -> None:
    other: Result = await ask(running, lambda client: client.query("SELECT COUNT(*) AS n FROM survey", purpose="research"))

    def old_bundle(path: str, content: bytes) -> bytes:
        return other.attestation.bundle if path.endswith("/bundle") else content

    def old_query(path: str, content: bytes) -> bytes:
        # The whole story of another query, told under its own id.
        return json.dumps({"id": other.query_id}).encode() if path == "/v1/queries" else content

    def work(client: Client) -> None:
        with pytest.raises(AnswerMismatch):
            client.query(SQL, purpose="research")

    await ask(running, work, transport=Liar(old_bundle))
    await ask(running, work, transport=Liar(old_query))


@pytest.mark.parametrize(
    "answer", [b"", b"{", b"null", b"[]", b'{"id": 5}', b'{"id": "../../v1/keys"}', b"\xff", b"[" * 100_000]
)
async def test_nonsense_is_a_typed_error(running: Running, answer: bytes) -> None:
    def work(client: Client) -> None:
        with pytest.raises(ProofwardError):
            client.submit(SQL, purpose="research")

    await ask(running, work, transport=Liar(lambda path, content: answer))


def test_an_endless_answer_is_cut(ground: Ground) -> None:
    class Endless(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Bytes())

    class Bytes(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            while True:
                yield b" " * (1 << 20)

    client = connect("http://127.0.0.1:1", trust=ground.trust, transport=Endless())
    with pytest.raises(ServiceResponseInvalid, match="longer"):
        client.datasets()


def test_nobody_there_is_a_typed_error(ground: Ground, free_port: int) -> None:
    slept: list[float] = []
    client = connect(f"http://127.0.0.1:{free_port}", trust=ground.trust, patience=0.5, sleep=slept.append)
    with pytest.raises(ServiceUnreachable):
        client.datasets()


async def test_html_is_escaped(running: Running) -> None:
    result: Result = await ask(running, lambda client: client.query(SQL, purpose="research"))
    table = result.attestation.verified.result
    evil = "<script>alert(1)</script>"
    object.__setattr__(table, "rows", ((evil, 1, Decimal(2)),))
    object.__setattr__(table, "columns", ((evil, "category"), ("n", "integer"), ("x", "decimal")))
    rendered = result._repr_html_()
    assert evil not in rendered
    assert rendered.count(html.escape(evil)) == 2


# --- A3: no redirect is followed, so the key goes nowhere else ------------------------------------------------------------


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(ground: Ground, code: int) -> None:
    hits: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.headers.get("Authorization", ""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)

    class Redirecting(Elsewhere):
        def do_GET(self) -> None:
            self.send_response(code)
            self.send_header("Location", f"http://127.0.0.1:{elsewhere.server_address[1]}/v1/datasets")
            self.end_headers()

    redirecting = ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    for server in (elsewhere, redirecting):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{redirecting.server_address[1]}"
        client = connect(url, api_key="pw_x_y", trust=ground.trust)
        with pytest.raises(ServiceResponseInvalid, match="redirect"):
            client.datasets()
    finally:
        for server in (elsewhere, redirecting):
            server.shutdown()
            server.server_close()
    assert hits == []
