"""The bundle: one file that holds everything an auditor needs, and nothing that cannot be checked.

It is one canonical JSON document. Every list has one order and every string one form, so that a changed byte is either
refused as a document or contradicts a signature or a digest (tests/attacks/test_p7_bundle_malleability.py).
Specification: docs/spec/08-attestation.md, "Bundle"; envelope: github.com/secure-systems-lab/dsse, envelope.md.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from attestation.errors import AttestationIncomplete
from attestation.sign import recover_signer
from protocol.canonical import sha256_hex
from protocol.consortium import Consortium
from protocol.dataset import SignedRegistration
from protocol.document import Document
from protocol.errors import ProofwardError
from protocol.identifiers import Address, Hex32, HexBytes
from protocol.messages import Deal, Endorsement, Round, SignedContribution, SignedMessage
from protocol.parameters import MAX_MEMBERS
from protocol.signatures import open_message
from protocol.statement import PAYLOAD_TYPE, Part, Statement

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


class Bundle(Document):
    """An attestation with its evidence."""

    type: Literal["proofward/bundle/v1"] = "proofward/bundle/v1"
    envelope: Envelope
    consortium: Consortium
    registrations: Annotated[tuple[SignedRegistration, ...], Field(max_length=MAX_MEMBERS)]  # of the parts, in their order
    contributions: Annotated[tuple[SignedContribution, ...], Field(max_length=MAX_MEMBERS)]  # of the parts, in their order
    decisions: Annotated[tuple[SignedMessage, ...], Field(max_length=MAX_MEMBERS)]  # all, in order of sender
    freezes: Annotated[tuple[SignedMessage, ...], Field(max_length=MAX_MEMBERS)]  # at least a quorum, in order of sender
    record: ChainRecord | None

    @property
    def payload(self) -> bytes:
        """The bytes of the statement."""
        return base64.b64decode(self.envelope.payload)

    @property
    def signatures(self) -> dict[str, bytes]:
        """The members' signatures by address."""
        return {signature.keyid: base64.b64decode(signature.sig) for signature in self.envelope.signatures}


def assemble_bundle(
    *,
    consortium: Consortium,
    query_id: str,
    decisions: Mapping[int, SignedMessage],
    deals: Mapping[int, SignedMessage],
    freezes: Mapping[int, SignedMessage],
    endorsements: Mapping[int, SignedMessage],
    registrations: Sequence[SignedRegistration],
) -> Bundle:
    """The bundle of a query from the messages of its rounds, by member index. It is not verified here.

    Only what is needed goes in: t+1 signatures and a quorum of freezes, those of the lowest addresses and indices. A member
    that endorses another statement, or signs it wrongly, is passed over.

    Raises:
        AttestationIncomplete: fewer than t+1 members endorse one statement, or a piece of it is not among the messages.
    """
    statement, signatures = _endorsed(consortium, query_id, endorsements)
    predicate = statement.predicate
    frozen = [message for _, message in sorted(freezes.items()) if _body_digest(message) == predicate.freeze]
    if len(frozen) < consortium.quorum:
        raise AttestationIncomplete(f"{len(frozen)} freezes of the statement's set, a quorum is {consortium.quorum}")
    by_root = {signed.registration.root: signed for signed in registrations}
    missing = [part.hospital for part in predicate.parts if part.root not in by_root]
    if missing:
        raise AttestationIncomplete(f"the registration of member {missing[0]} is missing")
    return Bundle(
        envelope=Envelope(
            payload=_base64(statement.encoded),
            signatures=tuple(
                EnvelopeSignature(keyid=address, sig=_base64(signature))
                for address, signature in sorted(signatures.items())[: consortium.threshold + 1]
            ),
        ),
        consortium=consortium,
        registrations=tuple(by_root[part.root] for part in predicate.parts),
        contributions=tuple(_contribution(consortium, query_id, part, deals) for part in predicate.parts),
        decisions=tuple(message for _, message in sorted(decisions.items())),
        freezes=tuple(frozen[: consortium.quorum]),
        record=None,
    )


def with_record(bundle: Bundle, record: ChainRecord) -> Bundle:
    """The bundle after its answer was posted."""
    members = {name: getattr(bundle, name) for name in Bundle.model_fields}
    return Bundle(**{**members, "record": record})


def _endorsed(
    consortium: Consortium, query_id: str, endorsements: Mapping[int, SignedMessage]
) -> tuple[Statement, dict[str, bytes]]:
    """The statement that t+1 members endorse, and their signatures by address."""
    groups: dict[bytes, dict[str, bytes]] = {}
    for index, message in sorted(endorsements.items()):
        try:
            endorsement = open_message(consortium, message, Round.ATTEST, query_id, Endorsement)
            payload, signature = bytes.fromhex(endorsement.statement), bytes.fromhex(endorsement.signature)
            statement = Statement.from_bytes(payload, limit=MAX_BUNDLE_BYTES)
            signer = recover_signer(statement, signature)
        except ProofwardError:
            continue
        if statement.encoded == payload and index == message.sender and signer == consortium.member(index).address:
            groups.setdefault(payload, {})[signer] = signature
    for payload, signatures in groups.items():
        if len(signatures) > consortium.threshold:
            return Statement.from_bytes(payload, limit=MAX_BUNDLE_BYTES), signatures
    raise AttestationIncomplete(f"no statement has the {consortium.threshold + 1} signatures that make an attestation")


def _contribution(
    consortium: Consortium, query_id: str, part: Part, deals: Mapping[int, SignedMessage]
) -> SignedContribution:
    message = deals.get(part.hospital)
    if message is None:
        raise AttestationIncomplete(f"the deal of member {part.hospital} is missing")
    signed = open_message(consortium, message, Round.DEAL, query_id, Deal).contribution
    if signed.contribution.digest != part.contribution:
        raise AttestationIncomplete(f"the deal of member {part.hospital} is not the one in the statement")
    return signed


def _body_digest(message: SignedMessage) -> str:
    return sha256_hex(bytes.fromhex(message.body))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
