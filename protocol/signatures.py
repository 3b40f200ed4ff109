"""Ed25519 signatures of members over messages, contributions and registrations: make and verify.

Verification here is the only way from a `SignedMessage` to the document inside it, so a body is never parsed before its
signature has been checked.
"""

from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol import canonical, signing
from protocol.consortium import Consortium, Member
from protocol.dataset import Registration, SignedRegistration
from protocol.document import Document
from protocol.errors import Kind, ProofwardError
from protocol.messages import MAX_BODY_BYTES, Contribution, Round, SignedContribution, SignedMessage

D = TypeVar("D", bound=Document)


class SignatureInvalid(ProofwardError):
    """A signature does not verify under the key of the member that it names, or it names no member."""

    code = "signature-invalid"
    kind = Kind.REFUSED


def sign_message(
    key: Ed25519PrivateKey, consortium: Consortium, query_id: str, round_: Round, sender: int, document: Document
) -> SignedMessage:
    """`document` as the message of `sender` in `round_` of the query."""
    body = document.encoded
    data = signing.message_bytes(consortium.digest, query_id, round_, sender, canonical.sha256_hex(body))
    return SignedMessage(query_id=query_id, round=round_, sender=sender, body=body.hex(), signature=key.sign(data).hex())


def verify_message_signature(
    consortium: Consortium, query_id: str, round_: Round, sender: int, body_digest: str, signature: str
) -> None:
    """Check a signature over a body that is known by its SHA-256 only. Raises SignatureInvalid."""
    member = _member(consortium, sender)  # first: a sender that is no index has no encoding
    data = signing.message_bytes(consortium.digest, query_id, round_, sender, body_digest)
    _verify(member, signature, data, f"{round_} message")


def open_message(consortium: Consortium, message: SignedMessage, round_: Round, query_id: str, document: type[D]) -> D:
    """The document in `message`, after checking round, query, sender and signature.

    Raises:
        SignatureInvalid: another round or query, no such member, or a wrong signature.
        MalformedInput: the body is not a canonical `document`.
    """
    if message.round is not round_ or message.query_id != query_id:
        raise SignatureInvalid(f"message is not of round {round_} of this query", where=f"member {message.sender}")
    body = bytes.fromhex(message.body)
    verify_message_signature(consortium, query_id, round_, message.sender, canonical.sha256_hex(body), message.signature)
    return document.from_bytes(body, limit=MAX_BODY_BYTES)


def sign_contribution(key: Ed25519PrivateKey, contribution: Contribution) -> SignedContribution:
    """The contribution with its hospital's signature."""
    signature = key.sign(signing.contribution_bytes(contribution)).hex()
    return SignedContribution(contribution=contribution, signature=signature)


def verify_contribution(consortium: Consortium, signed: SignedContribution) -> Contribution:
    """The contribution, signed by the hospital that it names. Raises SignatureInvalid."""
    member = _member(consortium, signed.contribution.hospital)
    _verify(member, signed.signature, signing.contribution_bytes(signed.contribution), "contribution")
    return signed.contribution


def sign_registration(key: Ed25519PrivateKey, registration: Registration) -> SignedRegistration:
    """The registration with its hospital's signature."""
    signature = key.sign(signing.registration_bytes(registration)).hex()
    return SignedRegistration(registration=registration, signature=signature)


def verify_registration(consortium: Consortium, signed: SignedRegistration) -> Registration:
    """The registration, signed by the hospital that it names. Raises SignatureInvalid."""
    member = _member(consortium, signed.registration.hospital)
    _verify(member, signed.signature, signing.registration_bytes(signed.registration), "registration")
    return signed.registration


def verify_hello(consortium: Consortium, sender: int, challenge: bytes, signature: str) -> Member:
    """The member that answered the hub's challenge. Raises SignatureInvalid."""
    member = _member(consortium, sender)
    _verify(member, signature, signing.hello_bytes(consortium.digest, sender, challenge), "hello")
    return member


def _member(consortium: Consortium, index: int) -> Member:
    try:
        return consortium.member(index)
    except KeyError:
        raise SignatureInvalid(f"the consortium has no member {index}") from None


def _verify(member: Member, signature: str, data: bytes, what: str) -> None:
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(member.signing_key))
        key.verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        raise SignatureInvalid(f"{what} is not signed by {member.name}", where=f"member {member.index}") from None
