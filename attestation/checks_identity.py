"""Checks 1 to 5: the bundle is one document, of the pinned consortium, and enough members signed its statement."""

from itertools import pairwise

from attestation.bundle import MAX_BUNDLE_BYTES, Bundle
from attestation.checks import Examination, Refused, check
from attestation.evidence import Evidence, decode_evidence, is_evidence
from attestation.sign import recover_signer
from attestation.statement import ASSURANCE
from protocol.consortium import Consortium, Member
from protocol.statement import Statement

_FORM = "The file is one canonical bundle, alone or with its dataset packages, and nothing before, behind or between."


@check(1, "form", _FORM)
def contents(examination: Examination) -> Evidence:
    """The first half of check 1: what is in the file."""
    if is_evidence(examination.data):
        return decode_evidence(examination.data)
    return Evidence(examination.data, {})


@check(1, "form", _FORM)
def form(examination: Examination) -> Bundle:
    found = examination.of(contents)
    bundle = Bundle.from_bytes(found.bundle, limit=MAX_BUNDLE_BYTES)
    if not found.datasets.keys() <= {signed.registration.root for signed in bundle.registrations}:
        raise Refused("the evidence file holds a dataset that has no part in the answer")
    return bundle


@check(2, "consortium", "The bundle is of the consortium that is pinned: its members, their keys and its threshold.")
def consortium(examination: Examination) -> Consortium:
    claimed = examination.of(form).consortium
    if claimed.digest != examination.trust.consortium_digest:
        raise Refused(f"the bundle is of consortium {claimed.digest}, not of the pinned one")
    return examination.trust.consortium


@check(3, "statement", "The signed payload is one canonical in-toto statement of the known type.")
def statement(examination: Examination) -> Statement:
    payload = examination.of(form).payload
    parsed = Statement.from_bytes(payload, limit=MAX_BUNDLE_BYTES)
    if parsed.encoded != payload:
        raise Refused("the payload is not the canonical encoding of the statement that it describes")
    return parsed


@check(4, "parameters", "The statement is of this protocol, consortium, chain and contract, and claims what they can prove.")
def parameters(examination: Examination) -> None:
    predicate, trust = examination.of(statement).predicate, examination.trust
    if predicate.consortium != trust.consortium_digest:
        raise Refused("the statement is of another consortium")
    if predicate.chain != trust.chain:
        raise Refused("the statement is for another chain or contract")
    if not predicate.generators == trust.generators == examination.backend.generator_digest():
        raise Refused("the generators are not those that are pinned and that this verifier derives")
    if predicate.assurance != ASSURANCE:
        raise Refused("the statement claims another assurance than this protocol version gives")


@check(5, "signatures", "At least t+1 members, each known by its pinned address, signed exactly this statement.")
def signatures(examination: Examination) -> tuple[Member, ...]:
    bundle, signed = examination.of(form), examination.of(statement)
    pinned = examination.of(consortium)
    by_address = {member.address: member for member in pinned.members}
    keyids = [signature.keyid for signature in bundle.envelope.signatures]
    if any(a >= b for a, b in pairwise(keyids)):
        raise Refused("the signatures are not in order of distinct addresses")
    signers = []
    for keyid, signature in bundle.signatures.items():
        if keyid not in by_address:
            raise Refused(f"{keyid} is not a member")
        if recover_signer(signed, signature) != keyid:
            raise Refused(f"the signature of {by_address[keyid].name} is not over this statement")
        signers.append(by_address[keyid])
    if len(signers) <= pinned.threshold:
        raise Refused(f"{len(signers)} members signed, {pinned.threshold + 1} are needed")
    return tuple(signers)
