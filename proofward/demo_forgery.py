"""Three forgeries of an answer, to show that the audit refuses all: by a stranger, and two by all hospitals together.

Each is an evidence file with the true dataset packages and a changed bundle.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import prover
from attestation.bundle import MAX_BUNDLE_BYTES, Bundle, EnvelopeSignature
from attestation.evidence import decode_evidence, encode_evidence
from attestation.sign import sign_statement
from attestation.statement import result_digest, visible_cells
from circuits.plan import compile_query
from circuits.registered_schema import read_schema
from circuits.sql import parse
from protocol.canonical import sha256_hex
from protocol.consortium import Consortium
from protocol.document import Document
from protocol.messages import Freeze, Round
from protocol.parameters import POINT_BYTES, SCALAR_BYTES
from protocol.signatures import open_message, sign_contribution, sign_message
from protocol.statement import Aggregate, Sha256, Statement, Subject

D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class Keys:
    """The secrets of every member, which no single party has in a real consortium.

    Attributes:
        accounts: secp256k1 secrets by account.
        signing: Ed25519 keys by member index.
    """

    accounts: Mapping[str, bytes]
    signing: Mapping[int, Ed25519PrivateKey]


def change_one_number(evidence: bytes) -> bytes:
    """The evidence with the first shown cell larger by one, and nothing else changed."""
    bundle, statement, _ = _open(evidence)
    predicate = statement.predicate
    forged = _changed(statement, predicate=_changed(predicate, aggregate=_raised(predicate.aggregate)))
    return _close(evidence, _changed(bundle, envelope=_changed(bundle.envelope, payload=_payload(forged))))


def collude(evidence: bytes, consortium: Consortium, keys: Keys) -> bytes:
    """The same number changed by everybody who signed: every digest fitted, every signature made again."""
    bundle, statement, _ = _open(evidence)
    predicate = statement.predicate
    forged = _changed(predicate, aggregate=_raised(predicate.aggregate))
    return _close(evidence, _signed(bundle, _changed(statement, predicate=forged), consortium, keys))


def overstate(evidence: bytes, consortium: Consortium, keys: Keys) -> bytes:
    """A hospital commits to one person more than its table has, and everybody signs it: the total is the sum of what the
    hospitals committed to, every digest and every signature is valid, and only the hospital's proof is of another number."""
    bundle, statement, place = _open(evidence)
    predicate = statement.predicate
    first = predicate.parts[0]
    one = prover.commit_outputs([0] * place + [1], bytes(SCALAR_BYTES))
    commitment = prover.add_points(bytes.fromhex(first.commitment) + one).hex()
    # The proof begins with the commitment of the first chunk; the chunks must add up to the hospital's.
    proof = bundle.proof_bytes[0]
    proof = prover.add_points(proof[:POINT_BYTES] + one) + proof[POINT_BYTES:]
    honest = bundle.contributions[0].contribution
    contribution = _changed(honest, commitment=commitment, proof=sha256_hex(proof))
    part = _changed(first, commitment=commitment, contribution=contribution.digest)
    query_id = predicate.offer.query_id
    frozen = open_message(consortium, bundle.freezes[0], Round.FREEZE, query_id, Freeze)
    freeze = _changed(frozen, contributions=(contribution.digest, *frozen.contributions[1:]))
    members = [message.sender for message in bundle.freezes]
    lied = _changed(
        bundle,
        contributions=(sign_contribution(keys.signing[first.hospital], contribution), *bundle.contributions[1:]),
        proofs=(base64.b64encode(proof).decode(), *bundle.proofs[1:]),
        freezes=tuple(sign_message(keys.signing[i], consortium, query_id, Round.FREEZE, i, freeze) for i in members),
    )
    aggregate = _raised(predicate.aggregate)
    forged = _changed(predicate, parts=(part, *predicate.parts[1:]), freeze=freeze.digest, aggregate=aggregate)
    return _close(evidence, _signed(lied, _changed(statement, predicate=forged), consortium, keys))


def _open(evidence: bytes) -> tuple[Bundle, Statement, int]:
    """Bundle and statement of an evidence file, and the place of the first shown cell."""
    bundle = Bundle.from_bytes(decode_evidence(evidence).bundle, limit=MAX_BUNDLE_BYTES)
    statement = Statement.from_bytes(bundle.payload, limit=MAX_BUNDLE_BYTES)
    return bundle, statement, _first_shown(statement.predicate.aggregate)


def _close(evidence: bytes, bundle: Bundle) -> bytes:
    return encode_evidence(bundle.encoded, decode_evidence(evidence).datasets)


def _signed(bundle: Bundle, statement: Statement, consortium: Consortium, keys: Keys) -> Bundle:
    """The bundle about `statement`, with the table that follows from its cells, signed by all who had signed."""
    offer, aggregate = statement.predicate.offer, statement.predicate.aggregate
    schema = read_schema(bundle.registrations[0].registration.table_schema)
    plan = compile_query(parse(offer.sql, schema), schema)
    result = result_digest(plan, visible_cells(aggregate), statement.predicate.minimum_cohort)
    subject = (Subject(result=Sha256(sha256=result)),)
    forged = _changed(statement, subject=subject)
    signatures = tuple(
        EnvelopeSignature(keyid=each.keyid, sig=_base64(sign_statement(keys.accounts[each.keyid], forged, consortium)))
        for each in bundle.envelope.signatures
    )
    envelope = _changed(bundle.envelope, payload=_payload(forged), signatures=signatures)
    # What was posted is the true statement; a forger leaves the record out.
    return _changed(bundle, envelope=envelope, record=None)


def _raised(aggregate: Aggregate) -> Aggregate:
    place = _first_shown(aggregate)
    cells = list(aggregate.cells)
    cells[place] = str(int(cells[place] or 0) + 1)
    return _changed(aggregate, cells=tuple(cells))


def _first_shown(aggregate: Aggregate) -> int:
    return next(place for place, cell in enumerate(aggregate.cells) if cell is not None)


def _payload(statement: Statement) -> str:
    return base64.b64encode(statement.encoded).decode()


def _base64(signature: str) -> str:
    return base64.b64encode(bytes.fromhex(signature)).decode()


def _changed(document: D, **members: Any) -> D:
    return document.model_copy(update=members)
