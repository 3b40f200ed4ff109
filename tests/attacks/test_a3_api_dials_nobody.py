"""A3: nothing that a caller sends makes the service open a connection. (That the client follows no redirect:
tests/unit/test_sdk_client.py; data sources and chain endpoints have their own files.)"""

import socket
import threading
from typing import Any

import pytest

from api.keys import Role
from attestation.chain_client import ChainClient
from tests.unit.api_support import SUBMISSION, Ground, make_ground


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ground = make_ground(tmp_path_factory.mktemp("ground"))
    yield ground
    ground.close()


class Listener:
    """Counts who connects."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.hits = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.hits += 1
            connection.close()


async def test_no_url_in_a_request_is_dialled(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener()
    dialled: list[Any] = []
    connect = socket.socket.connect

    def spy(self: socket.socket, address: Any) -> None:
        dialled.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", spy)
    hosts = ("127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433", "0", "169.254.169.254", "[fd00::1]")
    running = ground.restart()
    async with running.http(running.key(Role.BUYER, "acme")) as client, running.http(running.key(Role.OPERATOR)) as operator:
        for host in hosts:
            url = f"http://{host}:{listener.port}/x"
            headers = {"Idempotency-Key": "ssrf-attempt", "Referer": url, "Origin": url, "X-Forwarded-Host": url}
            for extra in ({"webhook": url}, {"callback_url": url}, {"dataset": url}, {"sql": f"SELECT * FROM '{url}'"}):
                for path in ("/v1/queries", "/v1/queries/explain"):
                    answer = await client.post(path, json={**SUBMISSION, **extra}, headers=headers)
                    assert 400 <= answer.status_code < 500, (path, extra)
            sql = f"SELECT COUNT(*) AS n FROM read_csv('{url}')"
            assert (await client.post("/v1/queries/explain", json={**SUBMISSION, "sql": sql})).status_code == 422
            assert (await operator.post("/v1/keys", json={"role": "auditor", "label": "x", "url": url})).status_code == 422
            await client.get(f"/v1/errors/{url}", headers={"Host": f"{host}:{listener.port}"})
            await client.post("/chain/rpc", json={"jsonrpc": "2.0", "id": 1, "method": "anvil_reset", "params": [url]})
    listener.socket.close()
    assert (dialled, listener.hits) == ([], 0)


def test_offchain_lookups_are_off(ground: Ground) -> None:
    poster = ground.restart().pipeline.poster
    client: ChainClient = poster.ledger.client
    assert client.web3.provider.global_ccip_read_enabled is False
