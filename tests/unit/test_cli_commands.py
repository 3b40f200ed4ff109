"""The command line: exit codes, errors with a page, one JSON object, and nothing heavy for `--help`."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from proofward.cli import app
from protocol import canonical
from tests.architecture.source import ROOT

runner = CliRunner()
BUNDLES = ROOT / "tests" / "vectors" / "bundles"

COMMANDS = [
    ["demo"],
    ["doctor"],
    ["consortium", "init"],
    ["schema", "infer"],
    ["schema", "check"],
    ["dataset", "register"],
    ["node", "run"],
    ["log", "verify"],
    ["log", "show"],
    ["hub", "run"],
    ["keys", "create"],
    ["keys", "list"],
    ["keys", "revoke"],
    ["query"],
    ["explain"],
    ["status"],
    ["evidence"],
    ["datasets"],
    ["attestations"],
    ["statistics"],
    ["audit"],
]


def run(*arguments: str, **environment: str) -> Any:
    return runner.invoke(app, list(arguments), env={"COLUMNS": "200", **environment})


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("cli") / "trial"
    made = run("consortium", "init", str(directory), *(part for name in "abcd" for part in ("--hospital", name)), "--json")
    assert made.exit_code == 0, made.output
    return directory


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_and_speaks_json(command: list[str]) -> None:
    help_ = run(*command, "--help")
    assert help_.exit_code == 0
    assert "--json" in help_.output
    assert re.search(r"^ +\S.*\.", help_.output, re.MULTILINE)


def test_wrong_usage_is_2() -> None:
    assert run("no-such-command").exit_code == 2
    assert run("audit", "no-such-file.json").exit_code == 2
    assert run("consortium", "init").exit_code == 2


def test_help_imports_no_heavy_library() -> None:
    program = "import sys; from proofward.cli import app; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for library in ("duckdb", "fastapi", "grpc", "httpx", "pyarrow", "sqlalchemy", "sqlglot", "web3"):
        assert f"'{library}'" not in loaded, library


def test_the_public_names_are_there_when_they_are_asked_for() -> None:
    import proofward

    assert all(getattr(proofward, name).__name__ == name for name in proofward.__all__)
    assert set(proofward.__all__) <= set(dir(proofward))
    with pytest.raises(AttributeError):
        proofward.no_such_name  # noqa: B018


def test_init_reports_what_it_made(trial: Path) -> None:
    again = run("consortium", "init", str(trial), "--hospital", "a", "--hospital", "b", "--hospital", "c", "--json")
    assert again.exit_code == 1
    error = json.loads(again.stdout)["error"]
    assert error["code"] == "trial-exists"
    assert (ROOT / error["page"]).is_file()


def test_an_error_is_a_code_a_message_a_hint_and_a_page(tmp_path: Path) -> None:
    (tmp_path / "schema.toml").write_text('name = "t"\n[columns]\nx = 1\n')
    found = run("schema", "check", str(tmp_path / "schema.toml"))
    assert found.exit_code == 1
    assert "error[schema-invalid]" in found.stderr
    assert "hint: write one [[columns]] block" in found.stderr
    assert "more: docs/errors/schema-invalid.md" in found.stderr
    assert found.stdout == ""
    as_json = run("schema", "check", str(tmp_path / "schema.toml"), "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["error"]["code"] == "schema-invalid"
    assert as_json.stderr == ""


def test_a_value_outside_its_domain_is_named(tmp_path: Path) -> None:
    rows = (ROOT / "examples" / "visits.csv").read_text().splitlines()
    rows[7] = "300" + rows[7][rows[7].index(",") :]
    (tmp_path / "visits.csv").write_text("\n".join(rows) + "\n")
    schema = str(ROOT / "examples" / "visits.toml")
    good = run("schema", "check", schema, "--data", str(ROOT / "examples" / "visits.csv"), "--json")
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout)["data"] == {"chunks": 1}
    bad = run("schema", "check", schema, "--data", str(tmp_path / "visits.csv"), "--json")
    assert bad.exit_code == 1
    assert "row 7" in json.loads(bad.stdout)["error"]["where"]
    assert "age" in json.loads(bad.stdout)["error"]["where"]


def test_the_rules_of_a_schema_are_shown_and_a_row_that_breaks_one_is_named(tmp_path: Path) -> None:
    visits = ROOT / "examples" / "visits.csv"
    schema = tmp_path / "visits.toml"
    for check, code in (("systolic >= 40", 1), ("age <= 110 OR sex = 'female'", 0), ("age < 40", 1)):
        rule = f'\n[[rules]]\nname = "plausible"\ncheck = "{check}"\n'
        schema.write_text((ROOT / "examples" / "visits.toml").read_text() + rule)
        found = run("schema", "check", str(schema), "--data", str(visits))
        assert found.exit_code == code, found.output
        if code == 0:
            assert "plausible" in found.stdout
            assert "every rule is kept" in found.stdout
        else:  # one that no row could break, and one that many break
            assert "schema-invalid" in found.stderr or "data-value-refused" in found.stderr


def test_a_draft_is_a_schema_and_is_not_overwritten(tmp_path: Path) -> None:
    draft, table = tmp_path / "draft.toml", str(ROOT / "examples" / "visits.csv")
    assert run("schema", "infer", table, "--output", str(draft)).exit_code == 0
    assert run("schema", "check", str(draft), "--data", table).exit_code == 0
    again = run("schema", "infer", table, "--output", str(draft))
    assert (again.exit_code, "file-unusable" in again.stderr) == (1, True)
    assert run("schema", "infer", table, "--output", str(draft), "--force").exit_code == 0


def test_a_file_that_is_no_table_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "table.xlsx").write_bytes(b"PK")
    found = run("schema", "check", str(ROOT / "examples" / "visits.toml"), "--data", str(tmp_path / "table.xlsx"), "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["error"]["code"] == "file-unusable"


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(trial: Path, tmp_path: Path) -> None:
    hub = str(trial / "hub" / "hub.toml")
    made = run("keys", "create", hub, "--role", "buyer", "--buyer", "acme", "--days", "30", "--json")
    assert made.exit_code == 0, made.output
    key, key_id = json.loads(made.stdout)["key"], json.loads(made.stdout)["id"]
    kept = tmp_path / "auditor.key"
    assert run("keys", "create", hub, "--role", "auditor", "--output", str(kept)).exit_code == 0
    assert kept.stat().st_mode & 0o777 == 0o600
    listed = run("keys", "list", hub, "--json")
    assert {each["role"] for each in json.loads(listed.stdout)["keys"]} >= {"buyer", "auditor"}
    assert key.rpartition("_")[2] not in listed.stdout + run("keys", "list", hub).stdout
    assert run("keys", "revoke", hub, key_id).exit_code == 0
    revoked = {each["id"]: each["revoked_at"] for each in json.loads(run("keys", "list", hub, "--json").stdout)["keys"]}
    assert revoked[key_id] is not None
    unknown = run("keys", "revoke", hub, "0" * 16, "--json")
    assert (unknown.exit_code, json.loads(unknown.stdout)["error"]["code"]) == (1, "api-key-not-found")
    nameless = run("keys", "create", hub, "--role", "buyer", "--json")
    assert nameless.exit_code == 1


def test_a_buyer_without_a_service_cannot_tell(trial: Path, free_port: int, tmp_path: Path) -> None:
    # A refused connection is tried again for a while; a name that does not resolve is not worth that in a test.
    key = tmp_path / "key"
    key.write_text("pw_nothing")
    key.chmod(0o644)
    arguments = ["datasets", "--url", f"http://127.0.0.1:{free_port}", "--trust", str(trial / "trust.toml"), "--json"]
    exposed = run(*arguments, "--api-key-file", str(key))
    assert exposed.exit_code == 1
    assert json.loads(exposed.stdout)["error"]["code"] == "secret-exposed"


def test_an_unusable_trust_file_says_nothing_about_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "trust.toml").write_text("type = 1\n")
    (tmp_path / "bundle.json").write_text("{}")
    found = run("audit", str(tmp_path / "bundle.json"), "--trust", str(tmp_path / "trust.toml"), "--json")
    assert found.exit_code == 2
    assert json.loads(found.stdout)["error"]["code"] == "trust-invalid"


def test_something_that_is_no_bundle_is_refused(trial: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text("{}")
    found = run("audit", str(tmp_path / "bundle.json"), "--trust", str(trial / "trust.toml"), "--json")
    assert found.exit_code == 1
    report = json.loads(found.stdout)
    assert report["verdict"] == "refused"
    assert next(check for check in report["checks"] if check["outcome"] == "fail")["name"] == "form"


def test_a_bundle_without_its_packages_cannot_be_told(tmp_path: Path) -> None:
    arguments = ["audit", str(BUNDLES / "good" / "group_by.json"), "--trust", str(BUNDLES / "trust.toml")]
    found = run(*arguments, "--json")
    assert found.exit_code == 2
    report = json.loads(found.stdout)
    (open_check,) = (check for check in report["checks"] if check["outcome"] == "cannot-tell")
    assert open_check["name"] == "admission"
    assert "proofward evidence ID" in open_check["reason"]
    assert "--datasets" in open_check["reason"]
    assert (report["verdict"], report["result"]) == ("undecided", None)
    assert run(*arguments, "--datasets", str(tmp_path)).exit_code == 2
    assert run(*arguments, "--datasets", str(BUNDLES / "datasets")).exit_code == 0
    # What is wrong with a bundle is wrong without packages too.
    document = json.loads((BUNDLES / "good" / "group_by.json").read_bytes())
    document["freezes"] = document["freezes"][:1]
    (tmp_path / "bundle.json").write_bytes(canonical.encode(document))
    assert run("audit", str(tmp_path / "bundle.json"), *arguments[2:]).exit_code == 1


def test_an_audit_with_an_endpoint_that_does_not_answer_cannot_tell(free_port: int) -> None:
    arguments = ["audit", str(BUNDLES / "good" / "group_by.evidence.zip"), "--trust", str(BUNDLES / "trust.toml")]
    assert run(*arguments).exit_code == 0
    found = run(*arguments, "--rpc", f"http://127.0.0.1:{free_port}", "--json")
    assert found.exit_code == 2
    assert json.loads(found.stdout)["verdict"] == "undecided"


def test_an_unexpected_error_is_one_line_with_its_place_and_without_its_message(tmp_path: Path) -> None:
    program = (
        "import sys, proofward.cli as cli\n"
        "import proofward.commands.schema as schema\n"
        "import circuits.schema\n"
        "def broken(path): raise KeyError('patient 4711')\n"
        "circuits.schema.load_schema = broken\n"
        f"sys.argv = ['proofward', 'schema', 'check', {str(ROOT / 'examples' / 'visits.toml')!r}]\n"
        "cli.main()\n"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "error[internal] unexpected KeyError at <string>:4" in found.stderr
    assert "4711" not in found.stderr + found.stdout


def test_a_registration_without_a_chain_cannot_tell_and_keeps_what_it_has_done(trial: Path) -> None:
    node = trial / "nodes" / "a"
    (node / "tables" / "visits.csv").write_bytes((ROOT / "examples" / "visits.csv").read_bytes())
    schema = ["--schema", str(ROOT / "examples" / "visits.toml")]
    neither = run("dataset", "register", str(node / "node.toml"), *schema)
    assert neither.exit_code == 2
    found = run("dataset", "register", str(node / "node.toml"), *schema, "--file", "visits.csv", "--json")
    assert found.exit_code == 2, found.output
    assert json.loads(found.stdout)["error"]["code"] == "chain-unavailable"
    log = run("log", "verify", str(node / "node.toml"), "--json")
    assert json.loads(log.stdout) == {"entries": 0, "allowed": 0, "attested_heads": 0, "head": "00" * 32}


def test_a_source_file_names_a_table(trial: Path, tmp_path: Path) -> None:
    (tmp_path / "source.toml").write_text('kind = "csv"\npath = "../../../secret.csv"\n')
    schema = str(ROOT / "examples" / "visits.toml")
    source = str(tmp_path / "source.toml")
    found = run(
        "dataset", "register", str(trial / "nodes" / "b" / "node.toml"), "--schema", schema, "--source", source, "--json"
    )
    assert found.exit_code == 1
    assert json.loads(found.stdout)["error"]["code"] == "data-config-invalid"
