"""The doctor finds what is wrong, says what to do, changes nothing and shows no secret."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proofward import doctor
from proofward.cli import app
from proofward.doctor import Finding, Verdict, run
from proofward.doctor_deployment import deployment
from protocol.errors import MalformedInput

runner = CliRunner()


@pytest.fixture
def trial(tmp_path: Path, free_port: int) -> Path:
    directory = tmp_path / "trial"
    arguments = ["consortium", "init", str(directory), "--api-port", str(free_port)]
    made = runner.invoke(app, [*arguments, *(part for name in ("a", "b", "c") for part in ("--hospital", name))])
    assert made.exit_code == 0, made.output
    return directory


def _findings(directory: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in run(deployment(directory))}


def test_this_installation_is_sound(tmp_path: Path) -> None:
    findings = run(doctor.installation(tmp_path / "not" / "there"))
    assert {finding.name for finding in findings} == {"python", "libraries", "kernel", "generators", "disk"}
    assert {finding.verdict for finding in findings} == {Verdict.OK}


def test_a_kernel_that_computes_something_else_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from prover import kernel_backend

    honest = kernel_backend.commit_outputs
    monkeypatch.setattr(kernel_backend, "commit_outputs", lambda values, blinding: honest([*values[:-1], 1], blinding))
    assert doctor.kernel_agrees().verdict is Verdict.FAILED
    monkeypatch.undo()
    monkeypatch.setattr(kernel_backend, "generator_digest", lambda: "00" * 32)
    assert doctor.generators_agree().verdict is Verdict.FAILED


def test_a_full_disk_and_an_old_interpreter_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "MINIMUM_FREE_BYTES", 1 << 62)
    assert doctor.disk_space(tmp_path).verdict is Verdict.WARNING
    monkeypatch.setattr(doctor, "MINIMUM_PYTHON", (4, 0))
    assert doctor.python_version().verdict is Verdict.FAILED
    monkeypatch.setattr(doctor, "LIBRARIES", ("no-such-library",))
    assert doctor.library_versions().verdict is Verdict.FAILED


def test_a_check_that_fails_does_not_hide_the_others() -> None:
    def broken() -> Finding:
        raise MalformedInput("bad", hint="mend it")

    def unreadable() -> Finding:
        raise PermissionError("no")

    findings = run([("one", broken), ("two", unreadable), ("three", lambda: Finding("three", Verdict.OK, "fine"))])
    assert [finding.verdict for finding in findings] == [Verdict.FAILED, Verdict.FAILED, Verdict.OK]
    assert findings[0].advice == "mend it"


def test_a_new_trial_has_nothing_wrong_but_what_is_not_there_yet(trial: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in trial.rglob("*"))
    node, hub = _findings(trial / "nodes" / "a"), _findings(trial / "hub")
    assert sorted((path, path.stat().st_mtime_ns) for path in trial.rglob("*")) == before
    assert [name for name, finding in node.items() if finding.verdict is Verdict.FAILED] == []
    assert [name for name, finding in hub.items() if finding.verdict is Verdict.FAILED] == []
    assert {name for name, finding in node.items() if finding.verdict is Verdict.UNKNOWN} == {"hub", "chain", "clock"}
    assert node["policy"].verdict is Verdict.WARNING  # a new policy refuses everything
    secrets = [path.read_text().strip() for path in trial.rglob("*.key")] + [
        path.read_text() for path in trial.rglob("signing.pem")
    ]
    said = json.dumps([finding.to_dict() for finding in (*node.values(), *hub.values())])
    assert len(secrets) >= 3 * 3
    assert not any(line in said for secret in secrets for line in secret.splitlines())


def test_exposed_missing_and_foreign_keys_are_found(trial: Path) -> None:
    node = trial / "nodes" / "a"
    (node / "keys" / "signing.pem").chmod(0o644)
    assert (_findings(node)["secrets"].verdict, "chmod" in _findings(node)["secrets"].advice) == (Verdict.FAILED, True)
    (node / "keys" / "signing.pem").chmod(0o600)
    own = (node / "keys" / "account.key").read_bytes()
    (node / "keys" / "account.key").write_bytes((trial / "nodes" / "b" / "keys" / "account.key").read_bytes())
    assert _findings(node)["secrets"].verdict is Verdict.FAILED
    (node / "keys" / "account.key").write_bytes(own)
    (trial / "hub" / "keys" / "deployer.key").unlink()
    assert _findings(trial / "hub")["secrets"].verdict is Verdict.FAILED


def test_a_broken_configuration_policy_and_trust_are_found(trial: Path) -> None:
    node = trial / "nodes" / "a"
    (node / "policy.toml").write_text("[[allow]]\nbuyers = 7\n")
    assert _findings(node)["policy"].verdict is Verdict.FAILED
    (node / "tables").rmdir()
    assert _findings(node)["tables"].verdict is Verdict.FAILED
    (node / "node.toml").write_text("nonsense")
    assert [finding.verdict for finding in _findings(node).values()] == [Verdict.FAILED]
    text = (trial / "trust.toml").read_text()
    (trial / "trust.toml").write_text(text.replace("threshold = 1", "threshold = 2"))
    assert _findings(trial / "hub")["trust"].verdict is Verdict.FAILED


def test_the_exit_code_is_the_worst_finding(trial: Path) -> None:
    node = trial / "nodes" / "a"
    found = runner.invoke(app, ["doctor", str(node), "--json"])
    assert found.exit_code == 2
    assert json.loads(found.stdout)["exit_code"] == 2
    (node / "keys" / "account.key").chmod(0o640)
    assert runner.invoke(app, ["doctor", str(node)]).exit_code == 1
    assert runner.invoke(app, ["doctor", str(trial / "tables")]).exit_code == 0
