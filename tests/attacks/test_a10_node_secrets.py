"""A10: what a node keeps secret is found nowhere else: not in logs, errors, reprs, messages, or after the end on disk."""

import logging
import os
import pprint
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from mpc_nodes.node import Node
from mpc_nodes.session import Checked, Frozen, Session
from protocol.messages import Round
from protocol.relay import RoundRequest
from tests.simulation import liars
from tests.simulation.direct import ROUNDS, SCHEMA, Rows, Run, World, changed, make_world

SQL = "SELECT sex, COUNT(*) AS n, SUM(score) AS s FROM survey GROUP BY sex"


class Recorder:
    """The operating system's entropy, with everything that was drawn."""

    def __init__(self) -> None:
        self.drawn: list[bytes] = []

    def __call__(self, count: int) -> bytes:
        data = os.urandom(count)
        self.drawn += [data[i : i + 32] for i in range(0, max(count - 31, 1), 32)]
        return data


def recording(world: World) -> dict[int, Recorder]:
    recorders = {}
    for index, hospital in world.hospitals.items():
        recorders[index] = Recorder()
        hospital.entropy = recorders[index]
        world.reopen(index)
    return recorders


def forms(secret: bytes) -> tuple[str, ...]:
    """How a secret would look in text: hexadecimal, decimal, as a Python literal."""
    return secret.hex(), str(int.from_bytes(secret, "big")), repr(secret)[2:-1]


def check_absent(secrets_: list[bytes], text: str) -> None:
    for secret in secrets_:
        for form in forms(secret):
            assert form not in text


def own_secrets(world: World, index: int) -> list[bytes]:
    keys = world.hospitals[index].identity.keys
    snapshots = (world.hospitals[index].directory / "snapshots").glob("*/blinders")
    return [keys.signing.private_bytes_raw(), keys.attestation, *(path.read_bytes() for path in snapshots)]


def shares(world: World, run: Run) -> list[bytes]:
    """The shares that members hold, scalar by scalar."""
    found: list[bytes] = []
    for index in world.indices:
        state = world.node(index)._session(run.offer.query_id)
        checked = state if isinstance(state, Checked) else None
        vectors = [deal.share for deal in checked.deals.values()] if checked else []
        vectors += [state.share_sum] if isinstance(state, Frozen) else []
        for vector in vectors:
            found += [vector[i : i + 32] for i in range(0, len(vector or b""), 32)] if vector else []
    return found


def test_a_whole_query_leaks_no_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    world = make_world(tmp_path)
    recorders = recording(world)
    run = Run(world, world.offer(SQL))
    secret: list[bytes] = []
    states: list[str] = []
    with structlog.testing.capture_logs() as logs:
        for round_ in ROUNDS:
            run.step(round_)
            if round_ in (Round.VERDICT, Round.FREEZE):
                secret += shares(world, run)
            if round_ is not Round.ATTEST:
                sessions = [world.node(index)._session(run.offer.query_id) for index in world.indices]
                states += [f"{session!r}\n{pprint.pformat(session)}" for session in sessions]
            for index in world.indices:
                secret += world.hospitals[index].store.keys(run.offer.query_id)
    for index in world.indices:
        secret += [*own_secrets(world, index), *recorders[index].drawn]
    assert len(secret) > 200
    assert logs
    sent = "\n".join(reply.encoded.decode() for answers in run.answers.values() for reply in answers.replies.values())
    # Messages carry bodies in hexadecimal: look inside, too.
    bodies = "\n".join(
        bytes.fromhex(message.body).decode() for answers in run.answers.values() for message in answers.messages
    )
    printed = capfd.readouterr()
    everything = {
        "messages": sent,
        "bodies": bodies,
        "statement": run.statement().encoded.decode(),
        "logs": repr(logs) + caplog.text + printed.out + printed.err,
        "reprs": "\n".join(states) + "".join(repr(vars(world.node(index))) for index in world.indices),
    }
    for text in everything.values():
        check_absent(secret, text)


def test_one_hospital_has_nothing_of_another_on_disk(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    recorders = recording(world)
    run = Run(world, world.offer(SQL)).finish()
    run.statement()
    for index, hospital in world.hospitals.items():
        files = [path for path in hospital.directory.rglob("*") if path.is_file()]
        stored = b"".join(path.read_bytes() for path in files)
        for other in world.indices:
            # Of what was drawn for the query nothing is left even at home, but for the salt of the log's entry.
            drawn = [data for data in recorders[other].drawn if data in stored]
            assert len(drawn) <= (1 if other == index else 0)
            if other != index:
                assert not [secret for secret in own_secrets(world, other) if secret in stored]
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_errors_and_refusals_carry_no_secret(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Lies of every kind, and requests of no sense: whatever is refused, is refused without a secret in the text."""
    kinds: list[Callable[[], type]] = [
        lambda: liars.deals_wrong_share(1, liars.wrong_value),
        lambda: liars.deals_noise(3),
        lambda: liars.opens(lambda state: liars.both_wrong(state.frozen.share_sum)),
    ]
    for number, kind in enumerate(kinds):
        place = tmp_path / str(number)
        place.mkdir()
        world = make_world(place)
        world.reopen(2, kind())
        run = Run(world, world.offer(SQL))
        secret: list[bytes] = []
        texts: list[str] = []
        with structlog.testing.capture_logs() as logs:
            for round_ in ROUNDS:
                run.step(round_)
                if round_ in (Round.VERDICT, Round.FREEZE):
                    secret += shares(world, run)
                for later in ROUNDS:
                    request: RoundRequest = changed(world.request(run.offer, later, run.inputs(round_)), offer=None)
                    replies = [world.node(index).handle(request) for index in world.indices]
                    texts += [reply.refusal.message for reply in replies if reply.refusal is not None]
        for index in world.indices:
            secret += own_secrets(world, index)
        assert texts
        printed = capfd.readouterr()
        check_absent(secret, "\n".join(texts) + repr(logs) + printed.out + printed.err)


def test_a_bug_is_logged_by_its_place_alone(tmp_path: Path) -> None:
    """An exception that nobody foresaw may hold anything, so its text goes nowhere."""
    canary = "patient 4711 has a score of 99"

    class Broken(Node):
        def _session(self, query_id: str) -> Session:
            raise ZeroDivisionError(canary)

    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    world.reopen(1, Broken)
    with structlog.testing.capture_logs() as logs:
        answers = run.step(Round.DEAL)
    assert answers.codes == {1: "internal"}
    assert canary not in repr(logs) + repr(answers.refusals)
    assert [entry["error"].split(":")[0] for entry in logs if entry["event"] == "round-failed"] == [
        "ZeroDivisionError at test_a10_node_secrets.py"
    ]


def test_a_refused_table_is_not_quoted_and_leaves_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    canary = 987_654_321
    with structlog.testing.capture_logs() as logs, pytest.raises(Exception, match="age") as caught:
        world.node(1).register_dataset(Rows([("f", 40, 3), ("m", canary, 4)]), SCHEMA)
    assert str(canary) not in str(caught.value) + repr(logs)
    assert len(list((world.hospitals[1].directory / "snapshots").iterdir())) == 1
    assert len(world.node(1).registrations()) == 1
