"""Posts an attested bundle and adds to it how it, and the roots it rests on, reached the chain."""

from dataclasses import dataclass

from attestation.bundle import MAX_BUNDLE_BYTES, Bundle, ChainRecord, Transaction, with_record
from attestation.ledger import Ledger
from attestation.publish import Publisher
from attestation.record import describe_transaction
from attestation.sign import ChainCall, chain_call, register_call
from attestation.transactions import Call
from protocol.statement import Statement


@dataclass(frozen=True)
class Poster:
    """Posts with the hub's account. Blocks while it waits for confirmations; call it off the event loop."""

    ledger: Ledger
    publisher: Publisher

    def post(self, query_id: str, attested: bytes) -> Bundle:
        """The bundle with its chain record. Again, also after a crash, gives the same transaction.

        Args:
            query_id: the purpose: one transaction takes effect for it, however often this is called.
            attested: the encoded bundle without a record.

        Raises:
            ChainUnavailable, ChainUnconfirmed: try again later.
            ChainConflict, ChainReverted, ChainRejected and the other errors of `Publisher.submit`.
        """
        bundle = Bundle.from_bytes(attested, limit=MAX_BUNDLE_BYTES)
        statement = Statement.from_bytes(bundle.payload, limit=MAX_BUNDLE_BYTES)
        call = _transaction(chain_call(statement, bundle.signatures))
        posted = self.publisher.submit(f"attest/{query_id}", lambda: call)
        record = ChainRecord(attestation=describe_transaction(posted.raw), registrations=self._registered(bundle, statement))
        return with_record(bundle, record)

    def _registered(self, bundle: Bundle, statement: Statement) -> tuple[Transaction, ...]:
        """The transactions that put the roots on chain, in the order of the parts; none if the chain does not have all."""
        transactions = []
        for signed in bundle.registrations:
            found = self.ledger.find(_transaction(register_call(statement.predicate.chain, signed.registration)))
            raw = None if found is None else self.ledger.client.raw_transaction(found)
            if raw is None:
                return ()
            transactions.append(describe_transaction(raw))
        return tuple(transactions)


def _transaction(call: ChainCall) -> Call:
    return Call(call.anchor.contract, call.calldata)
