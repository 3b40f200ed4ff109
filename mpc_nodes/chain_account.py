"""A node's account on chain: it puts the roots of its datasets there, and nothing else."""

import time
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
import structlog

from attestation.artefact import Terms
from attestation.chain_client import ChainClient
from attestation.ledger import Ledger
from attestation.publish import Patience, Publisher
from attestation.rpc_provider import HttpProvider
from attestation.transaction_store import SqlTransactionStore, create_tables
from mpc_nodes.config import NodeChain
from protocol.consortium import Consortium
from protocol.dataset import Registration

_TIMEOUT: Final = 60.0  # seconds; what is not confirmed by then is taken up again later

log = structlog.get_logger(__name__)


def terms_of(consortium: Consortium) -> Terms:
    """What the contract of this consortium is deployed with."""
    members = tuple(member.address for member in consortium.members)
    return Terms(members=members, threshold=consortium.threshold, consortium=bytes.fromhex(consortium.digest))


class ChainAccount:
    """Publishes roots. The chain is asked for the first time when there is something to publish."""

    def __init__(
        self,
        config: NodeChain,
        consortium: Consortium,
        key: bytes,
        engine: sa.Engine,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        create_tables(engine)
        self._config = config
        self._terms = terms_of(consortium)
        self._key = key  # never printed: it pays, and its signature is the hospital's on chain
        self._store = SqlTransactionStore(engine)
        self._clock = clock
        self._sleep = sleep
        self._open: tuple[Ledger, Publisher] | None = None

    def publish(self, registration: Registration) -> None:
        """Return when the root is on chain.

        Raises:
            ChainUnavailable, ChainUnconfirmed: later it may work.
            ProofwardError: the chain is another one, the contract another's, or it refuses.
        """
        ledger, publisher = self._connect()
        key, root = bytes.fromhex(registration.dataset_key), bytes.fromhex(registration.root)
        record = publisher.submit(
            f"dataset/{registration.root}", lambda: ledger.register_dataset(key, registration.epoch, root)
        )
        log.info("root-published", dataset=registration.dataset, epoch=registration.epoch, block=record.block_number)

    def _connect(self) -> tuple[Ledger, Publisher]:
        if self._open is None:
            client = ChainClient(HttpProvider(self._config.rpc), self._config.chain_id)
            ledger = Ledger(client, self._config.contract, self._terms)
            patience = Patience(confirmations=self._config.confirmations, poll=0.25, timeout=_TIMEOUT)
            publisher = Publisher(
                client, self._key, self._store, ledger, clock=self._clock, sleep=self._sleep, patience=patience
            )
            publisher.resume()
            self._open = ledger, publisher
        return self._open
