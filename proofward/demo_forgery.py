"""Two forgeries of an answer, to show that the audit refuses both: one by a stranger, one by all hospitals together."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from attestation.bundle import MAX_BUNDLE_BYTES
from attestation.sign import sign_statement
from attestation.statement import result_digest
from circuits.plan import compile_query
from circuits.registered_schema import read_schema
from circuits.sql import parse
from protocol import canonical
from protocol.consortium import Consortium
from protocol.statement import Statement


def change_one_number(bundle: bytes) -> bytes:
    """The bundle with the first shown cell larger by one, and nothing else changed."""
    document, statement = _open(bundle)
    _raise_first_cell(statement)
    document["envelope"]["payload"] = _encode(statement)
    return canonical.encode(document)


def collude(bundle: bytes, consortium: Consortium, keys: Mapping[str, bytes]) -> bytes:
    """The same number changed by everybody who signed: every digest fitted, every signature made again.

    Args:
        keys: the secp256k1 secrets of the members by account, which no single party has in a real consortium.
    """
    document, statement = _open(bundle)
    _raise_first_cell(statement)
    offer = statement["predicate"]["offer"]
    schema = read_schema(document["registrations"][0]["registration"]["table_schema"])
    plan = compile_query(parse(offer["sql"], schema), schema)
    cells = [None if cell is None else int(cell) for cell in statement["predicate"]["aggregate"]["cells"]]
    statement["subject"][0]["digest"]["sha256"] = result_digest(plan, cells)
    forged = Statement.from_bytes(canonical.encode(statement), limit=MAX_BUNDLE_BYTES)
    document["envelope"]["payload"] = _encode(statement)
    for signature in document["envelope"]["signatures"]:
        signed = bytes.fromhex(sign_statement(keys[signature["keyid"]], forged, consortium))
        signature["sig"] = base64.b64encode(signed).decode()
    # What was posted is the true statement; a forger leaves the record out.
    document["record"] = None
    return canonical.encode(document)


def _open(bundle: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    document: dict[str, Any] = canonical.decode(bundle, limit=MAX_BUNDLE_BYTES)
    statement: dict[str, Any] = json.loads(base64.b64decode(document["envelope"]["payload"]))
    return document, statement


def _raise_first_cell(statement: dict[str, Any]) -> None:
    cells = statement["predicate"]["aggregate"]["cells"]
    place = next(index for index, cell in enumerate(cells) if cell is not None)
    cells[place] = str(int(cells[place]) + 1)


def _encode(statement: dict[str, Any]) -> str:
    return base64.b64encode(canonical.encode(statement)).decode()
