"""The contract as its members and auditors use it: calls to post, views to read. Nothing here signs or sends.

`Ledger.connect` fails closed: another chain id, other code than the committed artefact with the given terms, or other
members than the consortium's, and there is no ledger. Specification: docs/spec/08-chain.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak
from web3.providers.base import BaseProvider

from attestation import artefact
from attestation.artefact import Terms
from attestation.chain_client import ChainClient
from attestation.chain_errors import ChainArgumentInvalid, ChainMismatch, ChainResponseInvalid, ChainReverted
from attestation.eip712 import AttestationFields, Domain, join_signatures
from attestation.rpc_provider import HttpProvider
from attestation.transactions import Call

_ZERO: Final = bytes(32)


@dataclass(frozen=True)
class DatasetRecord:
    """One registered epoch of a dataset."""

    member: str  # account, lower case
    epoch: int
    block_number: int


class Effect(Enum):
    """What the chain says about the purpose of a call."""

    ABSENT = auto()  # it has not taken effect
    PRESENT = auto()  # it has, by this or another transaction
    CONTRADICTED = auto()  # something else has been written in its place, for ever


class Ledger:
    """One deployed contract whose identity has been checked."""

    def __init__(self, client: ChainClient, contract: str, terms: Terms) -> None:
        """Check that `contract` is a deployment with `terms`.

        Raises:
            ChainMismatch: no code, other code, or other members.
            ChainUnavailable, ChainResponseInvalid: the endpoint does not answer, or nonsense.
        """
        self.client: Final = client
        self.contract: Final = contract.lower()
        self.terms: Final = terms
        self._artefact = artefact.load()
        code = client.code(contract)
        if not code:
            raise ChainMismatch("there is no contract at the configured address", where=self.contract)
        if keccak(code) != keccak(self._artefact.runtime_code(terms)):
            raise ChainMismatch(
                "the contract at the configured address is not Proofward with this consortium and threshold",
                hint="compare the consortium file, the contract address and the version with the other members",
                where=self.contract,
            )
        if self.members() != tuple(member.lower() for member in terms.members):
            raise ChainMismatch("the contract has other members than the consortium", where=self.contract)

    @classmethod
    def connect(cls, endpoint: str | BaseProvider, chain_id: int, contract: str, terms: Terms) -> "Ledger":
        """The ledger at an endpoint: a URL, or a provider such as `EmbeddedProvider`. Raises as the constructor."""
        provider = HttpProvider(endpoint) if isinstance(endpoint, str) else endpoint
        return cls(ChainClient(provider, chain_id), contract, terms)

    @property
    def domain(self) -> Domain:
        """Where signatures for this contract count."""
        return Domain(self.client.chain_id, self.contract)

    # Calls. Each is a pure encoding; `attestation.publish` makes transactions of them.

    def register_dataset(self, dataset_key: bytes, epoch: int, root: bytes) -> Call:
        """Fix one epoch of a dataset of the sending member. Raises ChainArgumentInvalid."""
        if len(dataset_key) != 32 or len(root) != 32 or root == _ZERO or not 0 < epoch < 1 << 64:
            raise ChainArgumentInvalid("a registration has a 32-byte key and root and an epoch from 1 to 2^64-1")
        return Call(self.contract, self._artefact.call_data("registerDataset", [dataset_key, epoch, root]))

    def attest(self, fields: AttestationFields, signatures: Mapping[str, bytes]) -> Call:
        """Post the digest of an attestation; `fields.opening` is None. Raises ChainArgumentInvalid."""
        if fields.opening is not None:
            raise ChainArgumentInvalid("an attestation with an opening is posted with attest_opened")
        signed = self._signed(fields, signatures)
        return Call(
            self.contract,
            self._artefact.call_data("attest", [fields.query_id, fields.statement, list(fields.roots), signed]),
        )

    def attest_opened(self, fields: AttestationFields, signatures: Mapping[str, bytes]) -> Call:
        """Post an attestation with its opened cells, which the contract checks. Raises ChainArgumentInvalid."""
        if fields.opening is None:
            raise ChainArgumentInvalid("an attestation without an opening is posted with attest")
        arguments = [fields.query_id, fields.statement, list(fields.roots), *fields.opening.words]
        arguments.append(self._signed(fields, signatures))
        return Call(self.contract, self._artefact.call_data("attestOpened", arguments))

    # Views.

    def dataset(self, root: bytes) -> DatasetRecord | None:
        """Who registered `root`, as which epoch, in which block; None if nobody did."""
        member, epoch, block_number = self._read("dataset", [root])
        return DatasetRecord(str(member).lower(), epoch, block_number) if epoch else None

    def attestation(self, query_id: bytes) -> bytes | None:
        """The statement digest that is attested for a query; None if there is none."""
        (statement,) = self._read("attestation", [query_id])
        return None if statement == _ZERO else bytes(statement)

    def last_epoch(self, member: str, dataset_key: bytes) -> int:
        """The last epoch that a member has registered under a key; 0 if none."""
        (epoch,) = self._read("lastEpoch", [member, dataset_key])
        return int(epoch)

    def members(self) -> tuple[str, ...]:
        """The members in the order of the consortium document, lower case."""
        (members,) = self._read("members", [])
        return tuple(str(member).lower() for member in members)

    def is_member(self, account: str) -> bool:
        """Whether `account` is a member."""
        (answer,) = self._read("isMember", [account])
        return bool(answer)

    def threshold(self) -> int:
        """t: t+1 signatures make an attestation."""
        (threshold,) = self._read("threshold", [])
        return int(threshold)

    def consortium(self) -> bytes:
        """Digest of the consortium document."""
        (consortium,) = self._read("consortium", [])
        return bytes(consortium)

    # What the publisher asks.

    def effect(self, call: Call, sender: str) -> Effect:
        """Whether the purpose of `call`, sent by `sender`, is already on chain."""
        match self._purpose(call):
            case ("registerDataset", (key, epoch, root)):
                record = self.dataset(root)
                if record is None:
                    stale = self.last_epoch(sender, key) >= epoch
                    return Effect.CONTRADICTED if stale else Effect.ABSENT
                same = (record.member, record.epoch) == (sender.lower(), epoch)
                return Effect.PRESENT if same else Effect.CONTRADICTED
            case ("attest" | "attestOpened", (query_id, statement, *_)):
                attested = self.attestation(query_id)
                if attested is None:
                    return Effect.ABSENT
                return Effect.PRESENT if attested == statement else Effect.CONTRADICTED
        return Effect.ABSENT

    def find(self, call: Call) -> bytes | None:
        """Hash of the transaction that wrote what `call` would write, from the event log."""
        match self._purpose(call):
            case ("registerDataset", (_, _, root)):
                topics = [self._topic("DatasetRegistered"), None, None, "0x" + root.hex()]
            case ("attest" | "attestOpened", (query_id, *_)):
                topics = [self._topic("Attested"), "0x" + query_id.hex()]
            case _:
                return None
        logs = self.client.logs({"address": self._checksummed, "topics": topics, "fromBlock": "0x0", "toBlock": "latest"})
        return bytes(logs[0]["transactionHash"]) if logs else None

    def explain(self, error: ChainReverted) -> ChainReverted:
        """The refusal with the name of the contract's error."""
        return self._artefact.explain(error)

    @property
    def _checksummed(self) -> str:
        return str(self.client.web3.to_checksum_address(self.contract))

    def _topic(self, event: str) -> str:
        return "0x" + self._artefact.event_topic(event).hex()

    def _purpose(self, call: Call) -> tuple[str, tuple[Any, ...]] | None:
        if call.to is None or call.to.lower() != self.contract:
            return None
        return self._artefact.function_of(call.data)

    def _signed(self, fields: AttestationFields, signatures: Mapping[str, bytes]) -> bytes:
        if fields.consortium != self.terms.consortium:
            raise ChainArgumentInvalid("the attestation is of another consortium")
        return join_signatures(signatures)

    def _read(self, function: str, arguments: list[Any]) -> tuple[Any, ...]:
        try:
            data = self.client.call(Call(self.contract, self._artefact.call_data(function, arguments)))
            return self._artefact.results(function, data)
        except ChainReverted as error:
            raise self.explain(error) from error
        except DecodingError as error:
            raise ChainResponseInvalid(f"the endpoint's answer to {function} cannot be decoded") from error
