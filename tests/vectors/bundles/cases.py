"""The bundles that are kept as files: good ones of every shape, and edits of them that a verifier must refuse."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from attestation.bundle import Bundle, with_record
from attestation.statement import result_digest
from tests.vectors.bundles.forge import PAYLOAD, Path, as_json, at, payload_of, replaced, with_payload
from tests.vectors.bundles.world import BY_SEX, BY_SEX_AND_SMOKER, COUNT, Answer, World

WORLD = World()


@cache
def answers() -> dict[str, Answer]:
    """The answers behind the good bundles, by name."""
    return {
        "count": WORLD.ask(COUNT, label="count"),
        "count_on_chain": WORLD.ask(COUNT, label="count_on_chain", publication="aggregate"),
        "group_by": WORLD.ask(BY_SEX, label="group_by"),
        "suppressed": WORLD.ask(BY_SEX_AND_SMOKER, label="suppressed", minimum_cohort=10),
        "hospitals_left_out": WORLD.ask(
            COUNT, label="hospitals_left_out", refuse={2: "policy-buyer"}, dropped={4: "share-invalid"}
        ),
        "silent_hospital": WORLD.ask(COUNT, label="silent_hospital", silent=(3,)),
    }


def good() -> Iterator[tuple[str, Bundle]]:
    """The good bundles; `on_chain` ones carry the record of their posting."""
    for name, answer in answers().items():
        yield name, with_record(answer.bundle, answer.record) if name.endswith("on_chain") else answer.bundle


@dataclass(frozen=True)
class Bad:
    """A good bundle with edits: at each path stands another value."""

    name: str
    of: str
    step: str
    number: int
    edits: dict[Path, Any] = field(default_factory=dict)
    packages: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        edits = [{"path": list(path), "value": value} for path, value in self.edits.items()]
        return {"of": self.of, "step": self.step, "number": self.number, "edits": edits, "packages": list(self.packages)}


def apply(bundle: Any, edits: list[dict[str, Any]]) -> Any:
    for edit in edits:
        bundle = replaced(bundle, tuple(edit["path"]), edit["value"])
    return bundle


def apply_to_packages(datasets: dict[str, bytes], edits: list[dict[str, Any]]) -> dict[str, bytes]:
    changed = {root: bytearray(package) for root, package in datasets.items()}
    for edit in edits:
        changed[edit["root"]][edit["at"]] ^= edit["xor"]
    return {root: bytes(package) for root, package in changed.items()}


@cache
def _json(name: str) -> Any:
    return as_json(dict(good())[name])


def _edited(name: str, of: str, step: tuple[int, str], edits: dict[Path, Any]) -> Bad:
    return Bad(name, of, step[1], step[0], edits)


def _stated(name: str, of: str, step: tuple[int, str], *edits: tuple[Path, Any]) -> Bad:
    """A changed statement that every member signs."""
    statement = payload_of(_json(of))
    for path, value in edits:
        statement = replaced(statement, path, value)
    forged = with_payload(_json(of), statement, WORLD, WORLD.indices)
    signatures: Path = ("envelope", "signatures")
    return Bad(name, of, step[1], step[0], {PAYLOAD: at(forged, PAYLOAD), signatures: at(forged, signatures)})


def _built(name: str, of: str, step: tuple[int, str], **how: Any) -> Bad:
    """The bundle of members that lie together from the beginning; what differs from the honest one are the edits."""
    honest, forged = _json(of), as_json(WORLD.ask(COUNT, label=of, **how).bundle)
    edits: dict[Path, Any] = {}
    for member in ("contributions", "proofs", "freezes"):
        pairs = enumerate(zip(honest[member], forged[member], strict=True))
        edits |= {(member, i): new for i, (old, new) in pairs if old != new}
    signatures: Path = ("envelope", "signatures")
    edits |= {PAYLOAD: at(forged, PAYLOAD), signatures: at(forged, signatures)}
    bad = Bad(name, of, step[1], step[0], edits)
    assert apply(honest, bad.to_json()["edits"]) == forged
    return bad


def _one_more(hospital: int, cells: list[int]) -> list[int]:
    return [cells[0] + 1, *cells[1:]] if hospital == 2 else cells


def _of_another_query(hospital: int, proof: bytes) -> bytes:
    return answers()["count_on_chain"].dealt[2].proof if hospital == 2 else proof


def bad() -> Iterator[Bad]:
    """The bad bundles, named after what is broken."""
    count, grouped, few = _json("count"), payload_of(_json("group_by")), payload_of(_json("suppressed"))
    aggregate: Path = ("predicate", "aggregate")
    signatures: Path = ("envelope", "signatures")
    yield _edited("unknown_member", "count", (1, "form"), {("comment",): "harmless"})
    yield _edited("payload_base64_not_canonical", "count", (1, "form"), {PAYLOAD: at(count, PAYLOAD) + "\n"})
    yield _edited("threshold_raised", "count", (1, "form"), {("consortium", "threshold"): 2})
    yield _edited("member_key_replaced", "count", (2, "consortium"), {("consortium", "members", 2, "signing_key"): "ab" * 32})
    spaced = base64.b64decode(at(count, PAYLOAD)).replace(b'":', b'": ', 1)
    yield _edited("statement_with_a_space", "count", (3, "statement"), {PAYLOAD: base64.b64encode(spaced).decode()})
    yield _stated("other_chain", "count", (4, "parameters"), (("predicate", "chain", "chain_id"), 1))
    yield _stated("assurance_overstated", "count", (4, "parameters"), (("predicate", "assurance", "noise"), "proven"))
    yield _edited("one_signature", "count", (5, "signatures"), {signatures: at(count, signatures)[:1]})
    yield _edited("signed_twice_by_one_member", "count", (5, "signatures"), {signatures: [at(count, signatures)[0]] * 2})
    other = at(_json("group_by"), signatures)
    yield _edited("signatures_of_another_query", "count", (5, "signatures"), {signatures: other})
    yield _stated("other_plan", "count", (6, "offer"), (("predicate", "plan_hash"), "ab" * 32))
    yield _stated("sql_changed", "count", (7, "participants"), (("predicate", "offer", "sql"), COUNT.replace("40", "41")))
    yield _stated("log_head_changed", "count", (7, "participants"), (("predicate", "logs", 0, "sequence"), 1))
    yield _stated("minimum_cohort_lowered", "suppressed", (7, "participants"), (("predicate", "minimum_cohort"), 1))
    yield _edited("decision_missing", "count", (7, "participants"), {("decisions",): count["decisions"][:3]})
    salt: Path = ("registrations", 1, "registration", "salt")
    yield _edited("registration_changed", "count", (8, "datasets"), {salt: "ab" * 32})
    named = WORLD.tables[3].registration.root
    for name, place in (("package_commitment_changed", len(WORLD.datasets[named]) // 2), ("package_proof_changed", -1)):
        yield Bad(name, "count", "admission", 9, packages=({"root": named, "at": place, "xor": 1},))
    yield _stated("cell_count_changed", "count", (10, "plan"), (("predicate", "cell_count"), 2))
    swapped = [count["contributions"][i] for i in (1, 0, 2, 3)]
    yield _edited("contributions_swapped", "count", (11, "contributions"), {("contributions",): swapped})
    proofs = count["proofs"]
    yield _edited("proof_missing", "count", (12, "proofs"), {("proofs",): proofs[:3]})
    yield _edited("proofs_swapped", "count", (12, "proofs"), {("proofs",): [proofs[i] for i in (1, 0, 2, 3)]})
    yield _built("contribution_overstated_and_signed_by_all", "count", (12, "proofs"), lie=_one_more)
    yield _built("proof_of_another_query", "count", (12, "proofs"), prove=_of_another_query)
    yield _edited("freeze_without_quorum", "count", (13, "freeze"), {("freezes",): count["freezes"][:2]})
    cells = at(grouped, (*aggregate, "cells"))
    yield _stated("negative_count", "group_by", (14, "disclosure"), ((*aggregate, "cells", 0), "-1"))
    hidden = {(*aggregate, "cells", 0): None, (*aggregate, "suppressed"): [0], (*aggregate, "blinding"): None}
    hidden[(*aggregate, "representation")] = at(few, (*aggregate, "representation"))
    yield _stated("suppressed_without_reason", "group_by", (14, "disclosure"), *hidden.items())
    plan = answers()["group_by"].plan
    raised = [str(int(cells[0]) + 1), *cells[1:]]
    subject: Path = ("subject", 0, "digest", "sha256")
    lie = (((*aggregate, "cells"), raised), (subject, result_digest(plan, [int(cell) for cell in raised], 1)))
    yield _stated("cell_changed_and_signed_by_all", "group_by", (15, "aggregate"), *lie)
    blinding = answers()["suppressed"].secrets[:32].hex()
    yield _stated("blinding_of_suppressed_cells_shown", "suppressed", (15, "aggregate"), ((*aggregate, "blinding"), blinding))
    yield _stated("table_changed", "group_by", (16, "result"), (subject, "ab" * 32))
    sender: Path = ("record", "attestation", "sender")
    yield _edited("posted_by_another_account", "count_on_chain", (17, "record"), {sender: "0x" + "ab" * 20})


def as_file(value: Any) -> bytes:
    """How a bad case is written: people read it."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
