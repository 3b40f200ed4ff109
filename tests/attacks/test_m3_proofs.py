"""M3, I1: a dealer whose cells are not proven to follow from its registered table is named, left out, and changes nothing.

The members find it by the proof alone: the shares of these dealers are good.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from circuits.chunk import EncodedChunk
from circuits.encode import encode_chunks
from mpc_nodes import datasets
from mpc_nodes.node import Node
from mpc_nodes.rounds import proofs
from mpc_nodes.rounds.decision import Consent
from mpc_nodes.session import Offered
from protocol.messages import Round
from protocol.parameters import ABSENT_CODE
from prover import admission, contribution
from prover.errors import AdmissionProofInvalid, PackageInvalid
from tests.attacks.test_m3_dealers import LIAR, SQL, check_named
from tests.simulation import liars
from tests.simulation.direct import Answers, Rows, Run, World, make_world

OTHERS = [1, 3, 4]


def recoded(digit: str, change: Callable[[Any], None]) -> Callable[[EncodedChunk], EncodedChunk]:
    """A chunk with other codes in one digit."""

    def apply(chunk: EncodedChunk) -> EncodedChunk:
        digits = []
        for each in chunk.digits:
            codes = each.codes.copy()
            if each.name == digit:
                change(codes)
            digits.append(replace(each, codes=codes))
        return replace(chunk, digits=tuple(digits))

    return apply


def one_older(codes: Any) -> None:
    codes[0] = (codes[0] + 1) % 7


class OtherRows(liars.OtherTable):
    rows = recoded("age.0", one_older)


BAD_PROOFS: dict[str, type[Node]] = {
    "random bytes": liars.proves(lambda proof: os.urandom(len(proof))),
    "zeros": liars.proves(lambda proof: bytes(len(proof))),
    "empty": liars.proves(lambda proof: b""),
    "cut short": liars.proves(lambda proof: proof[:-32]),
    "too long": liars.proves(lambda proof: proof + bytes(32)),
    "a bit of the last scalar": liars.proves(lambda proof: liars.flipped(proof, len(proof) - 1)),
    "of another query": liars.ProofOfAnotherQuery,
    "of another hospital": liars.ProofOfAnotherHospital,
    "other cells": liars.OtherCells,
    "other rows": OtherRows,
}


@pytest.mark.parametrize("name", BAD_PROOFS)
def test_cells_that_are_not_proven(tmp_path: Path, name: str) -> None:
    world = make_world(tmp_path)
    world.reopen(LIAR, BAD_PROOFS[name])
    check_named(Run(world, world.offer(SQL)).finish(), "contribution-proof-invalid")


def test_a_proof_that_the_contribution_does_not_name(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.reopen(LIAR, liars.ProofExchanged)
    check_named(Run(world, world.offer(SQL)).finish(), "deal-invalid")


def test_two_liars_with_threshold_two_do_not_hide_each_other(tmp_path: Path) -> None:
    world = make_world(tmp_path, hospitals=7, threshold=2)
    world.reopen(2, liars.OtherCells)
    world.reopen(5, liars.ProofOfAnotherQuery)
    predicate = Run(world, world.offer(SQL)).finish().statement().predicate
    assert {entry.hospital: entry.reason for entry in predicate.blamed} == dict.fromkeys((2, 5), "contribution-proof-invalid")
    assert [part.hospital for part in predicate.parts] == [1, 3, 4, 6, 7]


# --- the table itself ---------------------------------------------------------------------------------------------------


def answers_from(root: Callable[[Node], str]) -> type[Node]:
    """A hospital that consents with another root than it should."""

    class Liar(Node):
        def _consent(self, offered: Offered) -> Consent:
            return replace(super()._consent(offered), root=root(self))

    return Liar


def newest(node: Node) -> str:
    return node.registrations()[-1].registration.root


def test_a_table_that_was_registered_after_the_question(tmp_path: Path) -> None:
    """Its owner could have made it for the question; its proof is good all the same."""
    world = make_world(tmp_path)
    offer = world.offer(SQL)
    world.now += 5
    world.register(LIAR, Rows([("f", 30, None)] * 4))
    world.reopen(LIAR, answers_from(newest))
    check_named(Run(world, offer).finish(), "deal-invalid")


def null(codes: Any) -> None:
    codes[0] = ABSENT_CODE  # where the schema allows none, or in one digit of two


BAD_TABLES = {"NULL in a column without": recoded("sex.0", null), "half a NULL": recoded("score.1", null)}


@pytest.fixture(params=list(BAD_TABLES))
def inadmissible(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which the liar has committed to a table that breaks its schema, and proved another one that does not."""
    world = make_world(tmp_path)
    change, honest = BAD_TABLES[request.param], list[EncodedChunk]()
    prove = admission.prove_admission

    def encode(*arguments: Any, **named: Any) -> Iterator[EncodedChunk]:
        honest.extend(encode_chunks(*arguments, **named))
        return map(change, honest)

    def prove_honest(draft: Any, schema: Any, _: Any, *arguments: Any, **named: Any) -> list[bytes]:
        return prove(draft, schema, honest, *arguments, **named)

    monkeypatch.setattr(datasets, "encode_chunks", encode)
    monkeypatch.setattr(datasets, "prove_admission", prove_honest)
    world.node(LIAR).register_dataset(Rows([("f", 30, 4), ("m", 40, 5)]), world.schema)
    world.now += 10
    return world


def test_a_table_that_breaks_its_schema_is_admitted_by_nobody(inadmissible: World) -> None:
    world = inadmissible
    signed = world.node(LIAR).registrations()[-1]
    for index in OTHERS:
        assert world.node(index).wants(signed)
        with pytest.raises(AdmissionProofInvalid):
            world.node(index).admit(signed, world.packages[signed.registration.root])
        assert world.node(index).wants(signed)


def test_nobody_judges_a_deal_from_a_table_that_was_not_admitted(inadmissible: World) -> None:
    """If the hub lets it come so far, the members do not answer: they neither believe it nor freeze another set."""
    run = Run(inadmissible, inadmissible.offer(SQL))
    for round_ in (Round.DECISION, Round.DEAL):
        run.step(round_)
    codes = run.step(Round.VERDICT, OTHERS).codes
    assert codes == dict.fromkeys(OTHERS, "dataset-not-admitted")


def test_a_package_of_another_table_is_not_admitted_for_this_one(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.forget_packages()
    signed = world.node(LIAR).registrations()[0]
    other = world.node(3).registrations()[0]
    with pytest.raises(PackageInvalid):
        world.node(1).admit(signed, world.packages[other.registration.root])


def test_a_member_that_lacks_a_package_stands_aside_until_it_has_it(tmp_path: Path) -> None:
    """It refuses, keeps its state, and answers the same request once the package is there; the quorum goes on without it."""
    world = make_world(tmp_path)
    kept = world.packages
    run = Run(world, world.offer(SQL))
    for round_ in (Round.DECISION, Round.DEAL):
        run.step(round_)
    world.forget_packages()
    request = world.request(run.offer, Round.VERDICT, run.inputs(Round.VERDICT))
    reply = world.node(1).handle(request)
    assert reply.refusal is not None
    assert reply.refusal.code == "dataset-not-admitted"
    world.share()
    assert world.packages == kept
    run.answers[Round.VERDICT] = Answers({index: world.node(index).handle(request) for index in world.indices})
    assert len(run.answers[Round.VERDICT].messages) == 4
    assert len(run.finish(Round.FREEZE).statement().predicate.parts) == 4


def test_all_proofs_are_verified_in_one_batch_and_not_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(tmp_path)
    batches: list[int] = []
    verify = contribution.verify_contributions

    def counting(items: Any, **named: Any) -> None:
        batches.append(len(items))
        verify(items, **named)

    monkeypatch.setattr(proofs, "verify_contributions", counting)
    run = Run(world, world.offer(SQL))
    for round_ in (Round.DECISION, Round.DEAL):
        run.step(round_)
    run.step(Round.VERDICT, [1])
    assert batches == [3]  # its own it has made itself
    world.node(1)._live.clear()  # the session is rebuilt from the store
    run.step(Round.VERDICT, [2])
    assert batches == [3, 3]
    request = world.request(run.offer, Round.FREEZE, ())
    world.node(1).handle(request)
    assert batches == [3, 3]
    world.reopen(1).handle(request)  # after a restart nothing is taken on trust
    assert batches == [3, 3, 4]
