"""Chains and stores that fail at a chosen moment, and a clock that tests move."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, create_engine
from web3.providers.base import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from attestation.chain_client import ChainClient
from attestation.ledger import Ledger
from attestation.publish import Patience, Publisher
from attestation.transaction_store import SqlTransactionStore, TransactionRecord, create_tables
from tests.contracts.chains import TestChain, key

# A block a second on the tests' clock; a second of waiting takes no time.
PATIENCE = Patience(poll=1.0, timeout=60.0, replace_after=10.0)


class Killed(BaseException):
    """The process dies here: nothing in it may catch this."""


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self, on_sleep: Callable[[], None] | None = None) -> None:
        self.now = 0.0
        self._on_sleep = on_sleep

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self._on_sleep:
            self._on_sleep()


class WatchedProvider(BaseProvider):
    """Passes requests on, and lets a test act before and after each, or answer in the chain's place."""

    def __init__(self, inner: BaseProvider) -> None:
        super().__init__()
        self.inner = inner
        self.sent: list[bytes] = []  # raw transactions, as often as they were sent
        self.before: Callable[[str, Any], RPCResponse | None] = lambda method, params: None
        self.after: Callable[[str, Any], None] = lambda method, params: None

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method == "eth_sendRawTransaction":
            self.sent.append(bytes.fromhex(params[0][2:]))
        answer = self.before(method, params)
        if answer is None:
            answer = self.inner.make_request(method, params)
        self.after(method, params)
        return answer


def error(message: str, code: int = -32000) -> RPCResponse:
    """A JSON-RPC error answer."""
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}


class WatchedStore(SqlTransactionStore):
    """Lets a test act before and after a transaction is stored."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.before: Callable[[TransactionRecord], None] = lambda record: None
        self.after: Callable[[TransactionRecord], None] = lambda record: None

    def add(self, record: TransactionRecord) -> bool:
        self.before(record)
        added = super().add(record)
        self.after(record)
        return added


class Desk:
    """A publisher with everything around it, as one process has it; `restart` is the next process."""

    def __init__(self, chain: TestChain, ledger: Ledger, url: str, name: str = "hub") -> None:
        self.url = url
        self.name = name
        self.chain = chain
        self.contract = ledger
        engine = create_engine(url)
        create_tables(engine)
        self.engine = engine
        self.store = WatchedStore(engine)
        self.provider = WatchedProvider(chain.provider)
        self.client = ChainClient(self.provider, chain.chain_id)
        self.ledger = Ledger(self.client, ledger.contract, ledger.terms)
        self.clock = Clock()
        self.publisher = self.publisher_with(PATIENCE)

    def publisher_with(self, patience: Patience) -> Publisher:
        """A publisher on the same store, chain and clock."""
        return Publisher(
            self.client,
            key(self.name),
            self.store,
            self.ledger,
            clock=self.clock,
            sleep=self.clock.sleep,
            patience=patience,
        )

    def restart(self) -> "Desk":
        """The process that starts after this one has died."""
        self.engine.dispose()
        return Desk(self.chain, self.contract, self.url, self.name)
