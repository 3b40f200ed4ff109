"""Registered tables: whole or not at all, private, unchanged, and only used once their root is on chain."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from circuits.evaluate import evaluate
from circuits.plan import compile_query
from circuits.schema import parse_schema
from circuits.sql import parse
from mpc_nodes import datasets, snapshots
from mpc_nodes.datasets import Datasets
from mpc_nodes.errors import DatasetEpoch, DatasetInactive, DatasetUnknown, SnapshotDamaged
from mpc_nodes.secret_files import check_private, read_secret, write_secret
from mpc_nodes.snapshots import Snapshot
from mpc_nodes.transport_errors import PackageTooLarge, SecretExposed, SecretInvalid
from protocol.dataset import Registration
from protocol.errors import ProofwardError
from protocol.messages import Round
from protocol.relay import LIMITS, TransferKind
from protocol.signatures import verify_registration
from prover.admission import verify_admission
from prover.package import decode_package
from tests.simulation.direct import SCHEMA, Rows, Run, World, make_world

SQL = "SELECT COUNT(*) AS n, SUM(age) AS s FROM survey"
NEW_ROWS = Rows([("f", 30, None), ("m", 50, -7), ("f", 70, 500)])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def snapshot(world: World, index: int = 1) -> Snapshot:
    return world.hospitals[index].datasets.all()[-1].snapshot


def test_a_registration_is_signed_and_describes_the_table(world: World) -> None:
    (signed,) = world.node(1).registrations()
    registration = verify_registration(world.consortium, signed)
    assert (registration.hospital, registration.dataset, registration.epoch) == (1, "survey", 1)
    assert registration.schema_hash == SCHEMA.hash
    assert registration.table_schema == SCHEMA.canonical()
    assert (registration.chunks, registration.chunk_rows) == (1, 1024)  # 25 rows: the real number stays hidden
    assert len({world.node(index).registrations()[0].registration.salt for index in world.indices}) == 4


def test_the_snapshot_evaluates_to_the_table(world: World) -> None:
    datasets = world.hospitals[1].datasets
    plan = compile_query(parse(SQL, SCHEMA), SCHEMA)
    rows = world.tables[0]
    cells = evaluate(plan, datasets.chunks(datasets.all()[0].registration.root))
    assert (cells[0], cells[-1]) == (len(rows), sum(age for _, age, _ in rows))
    datasets.check()


def test_a_table_of_many_chunks(world: World) -> None:
    rows = Rows([("f" if i % 3 else "m", i % 100, None) for i in range(5000)])
    datasets = world.hospitals[2].datasets
    signed = datasets.register(rows, SCHEMA, chunk_rows=1024, threads=2)
    assert signed.registration.chunks == 5
    plan = compile_query(parse(SQL, SCHEMA), SCHEMA)
    cells = evaluate(plan, datasets.chunks(signed.registration.root))
    assert (cells[0], cells[-1]) == (5000, sum(i % 100 for i in range(5000)))
    datasets.check()


def test_files_are_private(world: World) -> None:
    root = world.hospitals[1].directory / "snapshots"
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    files = [path for path in root.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert len(files) > 3


def test_epochs_count_upwards_and_the_newest_answers(world: World) -> None:
    node = world.node(1)
    first = node.registrations()[0].registration
    with pytest.raises(DatasetEpoch):
        node.register_dataset(NEW_ROWS, SCHEMA, epoch=1)
    second = node.register_dataset(NEW_ROWS, SCHEMA, epoch=5).registration
    assert world.register(1, NEW_ROWS).registration.epoch == 6
    assert (second.dataset_key, second.salt) == (first.dataset_key, first.salt)
    assert second.commitments != first.commitments
    world.now += 1
    statement = Run(world, world.offer(SQL)).finish().statement()
    assert statement.predicate.aggregate.cells[0] == str(75 + 3)


def test_the_same_rows_twice_share_no_commitment(world: World) -> None:
    """Blinders are fresh for every registration, also if a restored database makes a node register an epoch again."""
    hospital = world.hospitals[3]
    place = world.directory / "backup"
    shutil.copytree(hospital.directory, place)
    commitments = []
    for _ in range(2):
        hospital.datasets.register(NEW_ROWS, SCHEMA)
        folder = snapshot(world, 3).folder
        commitments.append({path.read_bytes() for path in folder.glob("*.commitments")})
        shutil.rmtree(hospital.directory)
        shutil.copytree(place, hospital.directory)
        world.reopen(3)
    points = [{blob[-64:] for blob in blobs} for blobs in commitments]
    assert points[0]
    assert not points[0] & points[1]


def test_a_table_may_not_answer_a_question_that_is_older(world: World) -> None:
    """A hospital that learns a question registers a table for it: the question is answered from the old one."""
    offer = world.offer(SQL)
    world.now += 5
    world.register(1, NEW_ROWS)
    assert Run(world, offer).finish().statement().predicate.aggregate.cells[0] == "100"


class ChainDown(ProofwardError):
    code = "test-chain-down"


def unposted(world: World, index: int) -> list[Registration]:
    """Make the chain refuse; what it was asked for is in the list."""
    asked: list[Registration] = []

    def publish(registration: Registration) -> None:
        asked.append(registration)
        raise ChainDown("no chain")

    world.node(index)._publish_root = publish
    return asked


def test_no_query_before_the_root_is_on_chain(tmp_path: Path) -> None:
    home = tmp_path / "young"
    home.mkdir()
    world = World(home, [[("f", 40, 1)], [("m", 41, 2)], [("f", 42, 3)]])
    for path in world.hospitals[1].directory.glob("node.db*"):
        path.unlink()
    node = world.reopen(1)
    asked = unposted(world, 1)
    with pytest.raises(ChainDown):
        node.register_dataset(NEW_ROWS, SCHEMA)
    world.now += 10
    assert node.registrations() == []
    with pytest.raises(DatasetInactive):
        world.hospitals[1].datasets.active("survey", world.now)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    assert '"refusal":"dataset-inactive"' in bytes.fromhex(run.answers[Round.DECISION].messages[0].body).decode()
    # It is posted after a restart, under the same root.
    node = world.reopen(1)
    node.publish_pending()
    assert [signed.registration for signed in node.registrations()] == asked[:1]
    node.publish_pending()


class Interrupted:
    """A source that fails after its first rows."""

    name = "survey"

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield from NEW_ROWS.batches(columns)
        raise InterruptedError


def test_an_interrupted_registration_leaves_nothing(world: World) -> None:
    root = world.hospitals[1].directory / "snapshots"
    before = sorted(root.iterdir())
    with pytest.raises(InterruptedError):
        world.node(1).register_dataset(Interrupted(), SCHEMA)
    assert sorted(root.iterdir()) == before
    assert len(world.hospitals[1].datasets.all()) == 1


def test_leavings_of_a_crash_are_removed_at_the_next_start(world: World) -> None:
    root = world.hospitals[1].directory / "snapshots"
    kept = sorted(root.iterdir())
    (root / ".survey-2-00.draft").mkdir()
    (root / ".survey-2-00.draft" / "chunk-000000.codes").write_bytes(b"half")
    shutil.copytree(kept[0], root / "survey-2-0011223344556677")  # renamed, but not yet in the database
    world.reopen(1)
    assert sorted(root.iterdir()) == kept


class Killed(BaseException):
    """As little as possible of the node runs after this."""


def fail_at(monkeypatch: pytest.MonkeyPatch, step: str, home: Path, copy: Path) -> None:
    """Kill the node at a step of a registration: what is on disk then is kept in `copy`."""

    def killed(*_: object, **__: object) -> None:
        shutil.copytree(home, copy)
        raise Killed

    def killed_after(work: Callable[..., object]) -> Callable[..., None]:
        def run(*arguments: object, **named: object) -> None:
            work(*arguments, **named)
            killed()

        return run

    places: dict[str, tuple[object, str]] = {
        "before the proofs": (datasets, "prove_admission"),
        "before the snapshot is whole": (snapshots.SnapshotWriter, "finish"),
        "before it has its name": (Path, "rename"),
        "after it has its name": (Datasets, "_insert"),
    }
    if step == "after the row":
        monkeypatch.setattr(Datasets, "_insert", killed_after(Datasets._insert))
    else:
        monkeypatch.setattr(*places[step], killed)


@pytest.mark.parametrize(
    "step",
    [
        "before the proofs",
        "before the snapshot is whole",
        "before it has its name",
        "after it has its name",
        "after the row",
    ],
)
def test_a_node_dies_while_it_registers(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Either nothing is registered and nothing is left, or everything that others need to check the table is there."""
    home, copy = world.hospitals[1].directory, tmp_path / "copy"
    before = sorted(path.name for path in (home / "snapshots").iterdir())
    with monkeypatch.context() as patched:
        fail_at(patched, step, home, copy)
        with pytest.raises(Killed):
            world.node(1).register_dataset(NEW_ROWS, SCHEMA)
    shutil.rmtree(home)
    copy.rename(home)
    node = world.reopen(1)
    registered = step == "after the row"
    names = sorted(path.name for path in (home / "snapshots").iterdir())
    assert (names == before) is not registered
    assert len(world.hospitals[1].datasets.all()) == 1 + registered
    if registered:
        node.publish_pending()
    else:
        world.register(1, NEW_ROWS)
    world.share()
    world.now += 1
    assert Run(world, world.offer(SQL)).finish().statement().predicate.aggregate.cells[0] == str(75 + 3)


def test_a_package_is_what_was_registered(world: World) -> None:
    hospital = world.hospitals[1]
    (registered,) = hospital.datasets.all()
    package = decode_package(hospital.datasets.package(registered.registration.root))
    assert package.signed == registered.signed
    assert [chunk.rows for chunk in package.chunks] == [1024]
    verify_admission(package)


@pytest.mark.parametrize("suffix", ["commitments", "admission"])
def test_a_damaged_proof_is_not_sent(world: World, suffix: str) -> None:
    datasets = world.hospitals[2].datasets
    (path,) = snapshot(world, 2).folder.glob(f"*.{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(SnapshotDamaged):
        datasets.check()
    with pytest.raises(SnapshotDamaged):
        datasets.package(datasets.all()[0].registration.root)


@pytest.mark.parametrize(("kind", "limit"), [(TransferKind.PACKAGE, 20_000), (TransferKind.REGISTRATION, 1000)])
def test_a_table_that_could_not_be_sent_is_not_registered(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: TransferKind, limit: int
) -> None:
    monkeypatch.setitem(LIMITS, kind, limit)
    monkeypatch.setattr(datasets, "prove_admission", lambda *_, **__: pytest.fail("hours were spent on proofs"))
    root = world.hospitals[1].directory / "snapshots"
    before = sorted(root.iterdir())
    asked = unposted(world, 1)
    with pytest.raises(PackageTooLarge):
        world.node(1).register_dataset(NEW_ROWS, SCHEMA)
    assert asked == []
    assert sorted(root.iterdir()) == before


def test_registration_tells_how_far_it_is(world: World) -> None:
    told: list[tuple[int, str]] = []
    rows = Rows([("f", i % 100, None) for i in range(1500)])
    world.hospitals[1].datasets.register(rows, SCHEMA, chunk_rows=1024, progress=lambda *step: told.append(step))
    names = [digit.name for digit in SCHEMA.digits]
    assert told == [(chunk, name) for chunk in (0, 1) for name in names] + [(0, "admission"), (1, "admission")]


def damage_flip(folder: Path) -> None:
    path = folder / "chunk-000000.codes"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


def damage_cut(folder: Path) -> None:
    path = folder / "chunk-000000.codes"
    path.write_bytes(path.read_bytes()[:-2])


def damage_append(folder: Path) -> None:
    with (folder / "chunk-000000.codes").open("ab") as file:
        file.write(b"\x00\x00")


def damage_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"real":25', b'"real":24'))


@pytest.mark.parametrize(
    "damage",
    [
        damage_flip,
        damage_cut,
        damage_append,
        damage_manifest,
        lambda folder: (folder / "chunk-000000.codes").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_bytes(b"{}"),
        shutil.rmtree,
    ],
)
def test_a_damaged_snapshot_answers_nothing(world: World, damage: object) -> None:
    assert callable(damage)
    damage(snapshot(world, 2).folder)
    datasets = world.hospitals[2].datasets
    with pytest.raises(SnapshotDamaged):
        datasets.check()
    with pytest.raises(SnapshotDamaged):
        list(datasets.chunks(datasets.all()[0].registration.root))
    run = Run(world, world.offer(SQL)).finish()
    assert run.answers[Round.DEAL].codes == {2: "snapshot-damaged"}
    assert [(entry.hospital, entry.reason) for entry in run.statement().predicate.left_out] == [(2, "no-answer")]


def test_names_that_do_not_exist(world: World) -> None:
    datasets = world.hospitals[1].datasets
    for unknown in (
        lambda: datasets.active("births", world.now),
        lambda: datasets.schema("births", SCHEMA.hash),
        lambda: datasets.by_root("11" * 32),
        lambda: datasets.mark_posted("11" * 32),
    ):
        with pytest.raises(DatasetUnknown):
            unknown()


def test_a_new_schema_is_for_new_questions(world: World) -> None:
    """After a new epoch with another schema an offer about the old one is refused; the plan still compiles."""
    other = parse_schema(
        'name = "survey"\n[[columns]]\nname = "sex"\ntype = "category"\ncodes = ["f", "m"]\n'
        '[[columns]]\nname = "age"\ntype = "integer"\nmin = 0\nmax = 130\n'
        '[[columns]]\nname = "score"\ntype = "integer"\nmin = -500\nmax = 500\nnullable = true\n'
    )
    world.node(4).register_dataset(NEW_ROWS, other)
    world.now += 1
    run = Run(world, world.offer(SQL)).finish()
    assert [(entry.hospital, entry.reason) for entry in run.statement().predicate.left_out] == [(4, "offer-schema-differs")]
    assert len(run.answers[Round.ATTEST].messages) == 4


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o602, 0o777])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    write_secret(path, b"\x07" * 32)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_secret(path, 32) == b"\x07" * 32
    path.chmod(mode)
    for check in (lambda: check_private(path), lambda: read_secret(path, 32)):
        with pytest.raises(SecretExposed):
            check()


def test_a_secret_of_another_size_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(SecretInvalid):
        read_secret(path, 32)
    write_secret(path, os.urandom(33))
    with pytest.raises(SecretInvalid):
        read_secret(path, 32)
    with pytest.raises(SecretInvalid):
        write_secret(path, os.urandom(32))
