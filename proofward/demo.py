"""The demonstration: four hospitals, three questions, audits by two verifiers, three forgeries, in real processes.

1. tables       the survey is split over four hospitals by a hash of the row number
2. consortium   keys, certificates, configuration; each hospital writes its policy
3. hub          relay, HTTP interface and embedded chain start
4. datasets     each hospital commits to its table, proves that it obeys the schema, and puts the root on chain
5. nodes        each hospital's node starts and dials the hub
6. questions    asked over HTTP; each answer is compared with DuckDB's over all rows
7. audits       each answer is judged offline, by a process that gets two files: its evidence, and whom to trust
8. reference    one is judged again by the verifier in pure Python, which shares no arithmetic with the compiled one
9. forgeries    one number changed by a stranger, then by all hospitals together, then in what a hospital contributed
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn

from circuits.aggregates import ORDER_STATISTICS
from circuits.catalogue import NAMES
from circuits.schema import parse_schema
from mpc_nodes.config import load_account_key, load_signing_key
from mpc_nodes.data_config import FileConfig
from mpc_nodes.node_main import register_dataset
from mpc_nodes.secret_files import write_secret
from mpc_nodes.trial import Trial, init_consortium
from proofward import demo_forgery
from proofward.client import Client, connect
from proofward.demo_answers import QUESTIONS, Comparison, Question, compare
from proofward.demo_data import SCHEMA_TEXT, Pool, nhanes_file, split, sql_types
from proofward.demo_processes import Processes
from proofward.demo_show import Show
from proofward.errors import DemoFailed
from proofward.keys import issue_key

HOSPITALS: Final = ("northside", "riverside", "lakeview", "hillcrest")
THRESHOLD: Final = 1
BUYER: Final = "acme"
PURPOSE: Final = "research"
_START_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 60.0
_AUDIT_SECONDS: Final = 240.0  # the reference takes 14 s of one processor, which may be busy

_DISCLOSIVE: Final = {str(name) for name, each in ORDER_STATISTICS.items() if each.disclosive}
# Every statistic that shows no single person's value.
_ALLOWED: Final = ", ".join(f'"{name}"' for name in NAMES if name not in _DISCLOSIVE)
_POLICY: Final = f"""\
# What this hospital allows. Everything else is refused.
[[allow]]
buyers = ["{BUYER}"]
purposes = ["{PURPOSE}"]
datasets = ["nhanes"]
columns = ["*"]
aggregates = [{_ALLOWED}]
publication = ["digest", "aggregate"]

[limits]
minimum_cohort = 10
minimum_hospitals = 3
"""


@dataclass
class Outcome:
    """What the demonstration did; `to_dict` is its JSON form."""

    seconds: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    questions: list[dict[str, Any]] = field(default_factory=list)
    forgeries: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    directory: str = ""

    @property
    def total(self) -> float:
        """Seconds of all phases."""
        return sum(self.seconds.values())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready members."""
        seconds = self.seconds | {"total": self.total}
        return {
            "ok": True,
            "seconds": {name: round(each, 3) for name, each in seconds.items()},
            "rows": self.rows,
            "questions": self.questions,
            "forgeries": self.forgeries,
            "url": self.url,
            "directory": self.directory,
        }


class Demo:
    """One run in one directory. Raises DemoFailed, and every other ProofwardError, at the first thing that is not right."""

    def __init__(self, directory: Path, show: Show, processes: Processes) -> None:
        self._directory = directory
        self._show = show
        self._processes = processes
        self._key = ""
        self.outcome = Outcome(directory=str(directory))

    def run(self) -> Outcome:
        """All of it, in the order of the plan above."""
        trial, pool = self._prepare()
        self._start(trial)
        self._register(trial)
        with self._client(trial) as client:
            for question in QUESTIONS:
                self._ask(client, pool, question)
        self._audit(trial)
        self._forge(trial)
        return self.outcome

    def _prepare(self) -> tuple[Trial, Pool]:
        # 1 and 2. The tables go where each node may read, so the trial comes first.
        schema = parse_schema(SCHEMA_TEXT)
        with self._phase("consortium", f"making keys, certificates and policies of {len(HOSPITALS)} hospitals"):
            hub_port, api_port = free_ports(2)
            trial = init_consortium(
                self._directory / "trial",
                hospitals=HOSPITALS,
                now=time.time(),
                threshold=THRESHOLD,
                name="demo",
                hub_port=hub_port,
                api_port=api_port,
            )
            self.outcome.url = f"http://127.0.0.1:{api_port}"
            (self._directory / "schema.toml").write_text(SCHEMA_TEXT, encoding="utf-8")
            for name in HOSPITALS:
                (self._node(trial, name) / "policy.toml").write_text(_POLICY, encoding="utf-8")
        with self._phase("tables", "splitting the survey NHANES 2017-2018 over the hospitals"):
            files = [self._node(trial, name) / "tables" / "nhanes.csv" for name in HOSPITALS]
            tables = split(nhanes_file(), files)
            self.outcome.rows = {name: table.rows for name, table in zip(HOSPITALS, tables, strict=True)}
            pool = Pool(files, sql_types(schema.canonical()["columns"]))
        rows = ", ".join(f"{name} {rows}" for name, rows in self.outcome.rows.items())
        self._show.note(f"rows: {rows}; no process ever holds all of them, but the one that checks the answers")
        return trial, pool

    def _start(self, trial: Trial) -> None:
        # 3. Nodes dial until the hub answers, so that everything may start at once.
        with self._phase("start", f"starting the hub with its chain, and {len(HOSPITALS)} nodes, a process each"):
            self._processes.start("hub", ["hub", "run", str(trial.hub_config), "--with-parent"])
            for name in HOSPITALS:
                self._processes.start(name, ["node", "run", str(trial.node_config(name)), "--with-parent"])
            states = [trial.hub_config.parent, *(self._node(trial, name) for name in HOSPITALS)]
            ready = [directory / "state" / "ready" for directory in states]
            self._processes.wait_until(lambda: all(path.exists() for path in ready), "the start", _START_SECONDS)
            self._key = issue_key(trial.hub_config, "buyer", buyer=BUYER, label="demo").key
            write_secret(self._directory / "buyer.key", self._key.encode() + b"\n")

    def _register(self, trial: Trial) -> None:
        # 4. What `proofward dataset register` does beside a running node, which tells the hub within seconds.
        with self._phase("datasets", "every hospital commits to its table, proves it obeys the schema, and registers"):
            schema = parse_schema(SCHEMA_TEXT)
            source = FileConfig(kind="csv", path="nhanes.csv")
            for name in HOSPITALS:
                register_dataset(trial.node_config(name), schema=schema, source=source)
            with self._client(trial) as client:
                self._processes.wait_until(lambda: _all_registered(client), "the registrations' way", _START_SECONDS)

    def _ask(self, client: Client, pool: Pool, question: Question) -> None:
        # 6.
        with self._phase(question.name, f"asking: {question.title}"):
            result = client.query(
                question.sql, purpose=PURPOSE, publication=question.publication, progress=False, wait=_ANSWER_SECONDS
            )
        comparison = compare(question, result, pool.answer(question.sql))
        self._show.comparison(question, comparison)
        if not comparison.equal:
            raise DemoFailed(f"the answer to {question.name!r} differs from the pooled one", where=result.query_id)
        if set(result.hospitals) != set(HOSPITALS):
            raise DemoFailed(f"a hospital is missing from the answer: {dict(result.left_out)}", where=result.query_id)
        if result.attestation.assurance.contribution != "proven":
            raise DemoFailed("a contribution is not proven", where=result.query_id)
        result.attestation.save(self._evidence(question.name))
        self.outcome.questions.append(_answered(question, comparison, result.to_dict()))

    def _audit(self, trial: Trial) -> None:
        # 7 and 8.
        names = [question.name for question in QUESTIONS]
        with self._phase("audits", "auditing every answer offline, in processes of their own"):
            reports = self._run_audits(trial, names)
        self._accepted(reports, "audit")
        with self._phase("reference", "auditing the first answer again, with the verifier in pure Python"):
            reports = self._run_audits(trial, names[:1], "--reference")
        self._accepted(reports, "reference")

    def _accepted(self, reports: Sequence[tuple[int, dict[str, Any]]], member: str) -> None:
        for question, (code, report) in zip(self.outcome.questions, reports, strict=False):
            passed = sum(check["outcome"] == "pass" for check in report["checks"])
            assurance = report["assurance"] or {}
            self._show.note(
                f"{question['name']}, {report['verifier']}: {report['verdict']}, {passed} of {len(report['checks'])} checks; "
                + ", ".join(f"{part}: {level}" for part, level in assurance.items())
            )
            if code != 0 or report["verdict"] != "verified":
                raise DemoFailed(f"the audit of {question['name']!r} did not accept a true answer")
            question[member] = {"verdict": report["verdict"], "checks_passed": passed, "assurance": assurance}

    def _forge(self, trial: Trial) -> None:
        # 9.
        with self._phase("forgeries", "changing one number in three ways, and auditing again"):
            true, consortium = self._evidence(QUESTIONS[0].name).read_bytes(), trial.consortium
            keys = self._all_keys(trial)
            forged = {
                "forged-by-a-stranger": demo_forgery.change_one_number(true),
                "forged-by-everybody": demo_forgery.collude(true, consortium, keys),
                "overstated-by-a-hospital": demo_forgery.overstate(true, consortium, keys),
            }
            for name, data in forged.items():
                self._evidence(name).write_bytes(data)
            names = list(forged)
            reports = self._run_audits(trial, names)
        for name, (code, report) in zip(names, reports, strict=True):
            failed = next((check for check in report["checks"] if check["outcome"] == "fail"), None)
            if code != 1 or failed is None:
                raise DemoFailed(f"the audit accepted an answer {name.replace('-', ' ')}")
            self._show.note(
                f"{name.replace('-', ' ')}: refused at step {failed['number']} ({failed['name']}): {failed['reason']}"
            )
            self.outcome.forgeries.append({"name": name, "step": failed["number"], "check": failed["name"]})
        self._show.note("the last two carry valid signatures of every member: the mathematics refuses them, not a signature")

    def _all_keys(self, trial: Trial) -> demo_forgery.Keys:
        members = trial.consortium.members
        folders = {member.index: self._node(trial, member.name) / "keys" for member in members}
        return demo_forgery.Keys(
            accounts={m.address: load_account_key(folders[m.index] / "account.key", m.address) for m in members},
            signing={m.index: load_signing_key(folders[m.index] / "signing.pem", m) for m in members},
        )

    def _run_audits(self, trial: Trial, names: Sequence[str], *options: str) -> list[tuple[int, dict[str, Any]]]:
        trust = ["--trust", str(trial.trust), "--json"]
        commands = {f"audit-{name}": ["audit", str(self._evidence(name)), *trust, *options] for name in names}
        found = self._processes.run(commands, seconds=_AUDIT_SECONDS)
        for name, process in found.items():
            if process.returncode not in (0, 1):
                said = " | ".join((process.stdout + process.stderr).split("\n")[-8:])
                raise DemoFailed(f"{name} ended with code {process.returncode}: {said}")
        return [(found[name].returncode, json.loads(found[name].stdout)) for name in commands]

    @contextlib.contextmanager
    def _phase(self, name: str, what: str) -> Iterator[None]:
        started = time.monotonic()
        with self._show.phase(what):
            yield
            self._processes.check()
        self.outcome.seconds[name] = time.monotonic() - started

    def _client(self, trial: Trial) -> Client:
        return connect(self.outcome.url, api_key=self._key, trust=trial.trust)

    def _evidence(self, name: str) -> Path:
        return self._directory / f"{name}.evidence.zip"

    @staticmethod
    def _node(trial: Trial, name: str) -> Path:
        return trial.node_config(name).parent


@dataclass(frozen=True)
class Finished:
    """The demonstration after its last step, with everything still running."""

    outcome: Outcome
    directory: Path
    processes: Processes
    show: Show

    def stay(self) -> NoReturn:
        """Say how to use what is running, and wait. Raises Stopped at a signal, DemoFailed if a process ends."""
        self.show.staying(self.outcome.url, self.directory)
        while True:
            self.processes.check()
            time.sleep(0.5)


@contextlib.contextmanager
def run_demo(directory: Path, show: Show) -> Iterator[Finished]:
    """Run the demonstration in `directory`, which exists and is empty. When the block ends, so does every process.

    Raises:
        ProofwardError: the first thing that is not right.
        Stopped: a signal asked to stop.
    """
    logs = directory / "logs"
    logs.mkdir()
    with Processes(logs, os.environ) as processes:
        outcome = Demo(directory, show, processes).run()
        yield Finished(outcome, directory, processes, show)


def free_ports(count: int) -> list[int]:
    """So many TCP ports of this machine that nobody uses now, all different."""
    # Held together, so that they differ. Somebody else may take one before the hub does; then the hub says so.
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def _all_registered(client: Client) -> bool:
    found = client.datasets()
    return bool(found) and set(found[0]["hospitals"]) == set(HOSPITALS)


def _answered(question: Question, comparison: Comparison, answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": question.name,
        "sql": question.sql,
        "query_id": answer["query_id"],
        "columns": list(comparison.columns),
        "verified": [[str(cell) if isinstance(cell, Decimal) else cell for cell in row] for row in comparison.verified],
        "pooled": [[str(cell) if isinstance(cell, Decimal) else cell for cell in row] for row in comparison.pooled],
        "suppressed_groups": comparison.suppressed,
        "equal": comparison.equal,
        "hospitals": answer["hospitals"],
        "assurance": answer["assurance"],
    }
