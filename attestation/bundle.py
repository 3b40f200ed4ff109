"""The bundle: everything about one answer that an auditor needs beside the tables, and nothing that cannot be checked.

It is one canonical JSON document. Every list has one order and every string one form, so that a changed byte is either
refused as a document or contradicts a signature or a digest (tests/attacks/test_p7_bundle_malleability.py).

The tables that it rests on, committed to and proven to obey their schema, are dataset packages: megabytes, one an epoch,
named by their roots. `attestation/evidence.py` makes one file of both.
Specification: docs/spec/08-attestation.md, "Bundle"; envelope: github.com/secure-systems-lab/dsse, envelope.md.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from protocol.consortium import Consortium
from protocol.dataset import SignedRegistration
from protocol.document import Document
from protocol.identifiers import Address, Hex32, HexBytes
from protocol.messages import SignedContribution, SignedMessage
from protocol.parameters import MAX_MEMBERS
from protocol.query import MAX_EARLIER_ROUNDS
from protocol.statement import PAYLOAD_TYPE

MAX_BUNDLE_BYTES: Final = 64 << 20
MAX_TRANSACTION_BYTES: Final = 128 << 10  # what nodes accept; the largest call, 64 members and 64 cells, has 20 KiB


def _canonical_base64(text: str) -> str:
    # The last character of base64 has unused bits, which decoders ignore: only re-encoding finds them.
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 is not in its canonical form")
    return text


Base64 = Annotated[str, AfterValidator(_canonical_base64)]


class EnvelopeSignature(Document):
    """One member's signature over the statement."""

    keyid: Address
    sig: Base64  # 65 bytes r, s, v: EIP-712, over the digest of the DSSE pre-authentication encoding (attestation/sign.py)


class Envelope(Document):
    """A DSSE envelope around the statement."""

    payloadType: Literal["application/vnd.in-toto+json"] = PAYLOAD_TYPE  # noqa: N815 (DSSE's name)
    payload: Base64
    signatures: Annotated[tuple[EnvelopeSignature, ...], Field(max_length=MAX_MEMBERS)]  # in order of keyid


class Transaction(Document):
    """A signed transaction as it was sent. Its signature makes every byte of it count."""

    sender: Address
    hash: Hex32  # Keccak-256 of `raw`: its name on chain
    raw: Annotated[HexBytes, Field(max_length=2 * MAX_TRANSACTION_BYTES)]


class ChainRecord(Document):
    """How the answer and its dataset roots reached the chain. Blocks are not named: only the chain can confirm them."""

    attestation: Transaction
    registrations: Annotated[tuple[Transaction, ...], Field(max_length=MAX_MEMBERS)]  # none, or one a part in its order


class RoundEvidence(Document):
    """An attested statement about one round of a query, with its evidence."""

    type: Literal["proofward/round/v1"] = "proofward/round/v1"
    envelope: Envelope
    consortium: Consortium
    registrations: Annotated[tuple[SignedRegistration, ...], Field(max_length=MAX_MEMBERS)]  # of the parts, in their order
    contributions: Annotated[tuple[SignedContribution, ...], Field(max_length=MAX_MEMBERS)]  # of the parts, in their order
    proofs: Annotated[tuple[Base64, ...], Field(max_length=MAX_MEMBERS)]  # of the contributions, in the order of the parts
    decisions: Annotated[tuple[SignedMessage, ...], Field(max_length=MAX_MEMBERS)]  # all, in order of sender
    freezes: Annotated[tuple[SignedMessage, ...], Field(max_length=MAX_MEMBERS)]  # at least a quorum, in order of sender

    @property
    def payload(self) -> bytes:
        """The bytes of the statement."""
        return base64.b64decode(self.envelope.payload)

    @property
    def proof_bytes(self) -> tuple[bytes, ...]:
        """The contribution proofs, in the order of the parts."""
        return tuple(map(base64.b64decode, self.proofs))

    @property
    def signatures(self) -> dict[str, bytes]:
        """The members' signatures by address."""
        return {signature.keyid: base64.b64decode(signature.sig) for signature in self.envelope.signatures}


class Bundle(RoundEvidence):
    """An attestation with its evidence: of the last round of a query, most often its only one, and of those before."""

    type: Literal["proofward/bundle/v1"] = "proofward/bundle/v1"  # type: ignore[assignment]  # of a document of its own
    record: ChainRecord | None
    earlier: Annotated[
        tuple[RoundEvidence, ...], Field(max_length=MAX_EARLIER_ROUNDS)
    ] = ()  # first to last; only this one is posted


def with_record(bundle: Bundle, record: ChainRecord) -> Bundle:
    """The bundle after its answer was posted."""
    return bundle.model_copy(update={"record": record})


def with_earlier(bundle: Bundle, earlier: Sequence[Bundle]) -> Bundle:
    """The bundle of a query's last round, with the evidence of the rounds before it."""
    evidence = (RoundEvidence(**_evidence(each)) for each in earlier)
    return bundle.model_copy(update={"earlier": tuple(evidence)})


def as_bundle(evidence: RoundEvidence) -> Bundle:
    """The evidence of one round by itself."""
    return Bundle(**_evidence(evidence), record=None)


def _evidence(source: RoundEvidence) -> dict[str, Any]:
    return {name: getattr(source, name) for name in RoundEvidence.model_fields if name != "type"}
