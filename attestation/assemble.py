"""Puts the pieces of an answered query into one bundle. It does not verify them: whoever assembles runs `verify_bundle`."""

import base64
from collections.abc import Mapping, Sequence

from attestation.bundle import Bundle, Envelope, EnvelopeSignature
from attestation.errors import AttestationIncomplete
from protocol.canonical import sha256_hex
from protocol.consortium import Consortium
from protocol.dataset import SignedRegistration
from protocol.messages import SignedContribution, SignedMessage
from protocol.statement import Statement


def assemble_bundle(
    *,
    consortium: Consortium,
    statement: Statement,
    signatures: Mapping[str, str],
    registrations: Sequence[SignedRegistration],
    contributions: Sequence[SignedContribution],
    proofs: Sequence[bytes],
    decisions: Sequence[SignedMessage],
    freezes: Sequence[SignedMessage],
) -> Bundle:
    """The bundle of a statement and its evidence, each list in any order.

    Only what is needed goes in: t+1 signatures and a quorum of freezes, those of the lowest addresses and indices, so that
    a bundle and the call that posts it are as small as they can be.

    Args:
        signatures: 65 bytes (r, s, v) in hexadecimal, by address of the member.
        registrations: of at least the parts.
        contributions: of at least the parts.
        proofs: of at least the parts' contributions.
        decisions: of every member that decided; the contributions are bound to exactly these.
        freezes: messages of the freeze round; those of another set are passed over.

    Raises:
        AttestationIncomplete: too few signatures or freezes, or a part's registration, contribution or proof is missing.
    """
    predicate = statement.predicate
    if len(signatures) <= consortium.threshold:
        raise AttestationIncomplete(f"{len(signatures)} signatures, {consortium.threshold + 1} make an attestation")
    frozen = [freeze for freeze in freezes if sha256_hex(bytes.fromhex(freeze.body)) == predicate.freeze]
    if len(frozen) < consortium.quorum:
        raise AttestationIncomplete(f"{len(frozen)} freezes of the statement's set, a quorum is {consortium.quorum}")
    registered = {signed.registration.root: signed for signed in registrations}
    contributed = {signed.contribution.digest: signed for signed in contributions}
    proven = {sha256_hex(proof): proof for proof in proofs}
    for part in predicate.parts:
        if part.root not in registered or part.contribution not in contributed:
            raise AttestationIncomplete(f"the registration or the contribution of member {part.hospital} is missing")
        if contributed[part.contribution].contribution.proof not in proven:
            raise AttestationIncomplete(f"the proof of member {part.hospital}'s contribution is missing")
    parts = [contributed[part.contribution] for part in predicate.parts]
    return Bundle(
        envelope=Envelope(
            payload=base64.b64encode(statement.encoded).decode(),
            signatures=tuple(
                EnvelopeSignature(keyid=address, sig=base64.b64encode(bytes.fromhex(signature)).decode())
                for address, signature in sorted(signatures.items())[: consortium.threshold + 1]
            ),
        ),
        consortium=consortium,
        registrations=tuple(registered[part.root] for part in predicate.parts),
        contributions=tuple(parts),
        proofs=tuple(base64.b64encode(proven[signed.contribution.proof]).decode() for signed in parts),
        decisions=tuple(sorted(decisions, key=lambda message: message.sender)),
        freezes=tuple(sorted(frozen, key=lambda message: message.sender)[: consortium.quorum]),
        record=None,
    )
