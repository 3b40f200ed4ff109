"""M3: a hospital answers from a table that nobody has verified. The query goes on without it, whatever it invents."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api import pipeline
from api.keys import Role
from attestation.verify import verify_bundle
from mpc_nodes.hub_store import HubStore, admissions
from mpc_nodes.node import Node
from mpc_nodes.rounds.decision import Consent
from mpc_nodes.session import Offered
from tests.simulation.direct import Rows
from tests.unit.api_support import Ground, ended, make_ground, submit

LIAR = 2
NAME = f"hospital-{LIAR}"


class Inventor(Node):
    """Consents with the root of a table that does not exist."""

    def _consent(self, offered: Offered) -> Consent:
        return replace(super()._consent(offered), root="11" * 32)


async def answer(ground: Ground) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The result of a query, and what was told on the way. The bundle is verified."""
    running = ground.restart()
    async with running.working(), running.http(running.key(Role.BUYER, "acme")) as buyer:
        query = (await submit(buyer)).json()["id"]
        status = await ended(buyer, query)
        assert status["state"] == "done", status
        bundle = (await buyer.get(f"/v1/queries/{query}/bundle")).content
        result = (await buyer.get(f"/v1/queries/{query}/result")).json()
    verify_bundle(bundle, ground.trust, ground.world.packages)
    return result, [event.data for event in running.services.queries.events(query)]


async def test_an_invented_table_stops_nothing(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    ground.world.reopen(LIAR, Inventor)
    result, told = await answer(ground)
    assert result["hospitals"] == ["hospital-1", "hospital-3", "hospital-4"]
    assert result["left_out"] == [{"hospital": NAME, "reason": "no-answer"}]
    assert [(e["hospital"], e["reason"]) for e in told if e.get("state") == "left-out"] == [(NAME, "dataset-not-admitted")]
    ground.close()


async def test_a_table_that_too_few_have_verified_is_waited_for_and_then_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub has the package, two members have not said that they do: with the owner they are fewer than a quorum."""
    monkeypatch.setattr(pipeline, "ADMISSION_SECONDS", 0.5)
    ground = make_ground(tmp_path)
    root = ground.world.node(LIAR).registrations()[0].registration.root
    with ground.engine.begin() as connection:
        connection.execute(admissions.delete().where(admissions.c.root == root, admissions.c.member.in_([3, 4])))
    assert HubStore(ground.engine).admitted_by(root) == {1, LIAR}
    result, told = await answer(ground)
    assert result["left_out"] == [{"hospital": NAME, "reason": "no-answer"}]
    assert {"kind": "waiting", "reason": "dataset-not-admitted"} in told
    ground.close()


async def test_a_table_that_was_registered_after_the_question_is_not_waited_for(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    catalogue = ground.restart().pipeline.catalogue
    before = ground.world.now
    ground.world.now += 100
    signed = ground.world.register(LIAR, Rows([("f", 30, None)] * 3))
    store = HubStore(ground.engine)
    store.add_registration(signed, ground.world.packages[signed.registration.root], 1.0)
    old, new = (catalogue.in_question("survey", at) for at in (before, ground.world.now))
    assert len(old) == len(new) == 4
    assert set(new) - set(old) == {signed.registration.root}
    ground.close()
