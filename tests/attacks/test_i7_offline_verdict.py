"""I7: the verdict is a function of bundle, packages and the pinned facts. The verifier opens no socket, no clock and no file.

It draws random weights, with which it checks many equations as one. That does not make the verdict random: true proofs pass
whatever the weights are, and a false one is refused but for a negligible part of them (docs/spec/05-argument.md, section 7).
"""

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from attestation.audit import audit
from attestation.trust import load_trust
from attestation.verify import VerifiedAttestation, verify_bundle
from tests.vectors.bundles.generate import EVIDENCE, FOLDER, datasets

ROOT = Path(__file__).parents[2]

# Modules that can open a connection. Libraries load some of them for their types; none of our own may name one.
NETWORK = {
    "aiohttp", "asyncio", "ftplib", "grpc", "http", "httpx", "imaplib", "multiprocessing", "poplib", "psycopg", "requests",
    "select", "selectors", "smtplib", "socket", "socketserver", "ssl", "subprocess", "telnetlib", "urllib", "urllib3", "web3",
    "websockets", "xmlrpc",
}  # fmt: skip
# Modules by which a verdict could depend on more than its inputs.
AMBIENT = {"datetime.datetime.now", "os.environ", "os.getenv", "random", "secrets", "time", "uuid"}

OURS = {"attestation", "circuits", "privacy", "protocol", "prover"}

_PROGRAM = """
import json, sys
from pathlib import Path
from attestation.audit import audit
from attestation.trust import load_trust
folder = Path(sys.argv[1])
trust = load_trust(folder / "trust.toml")
files = [path.read_bytes() for path in sorted(folder.glob("good/*.json"))]
packages = {path.stem: path.read_bytes() for path in folder.glob("datasets/*")}
seen = []
FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.fork", "os.system", "urllib.", "http.", "ftplib.")
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith(FORBIDDEN) else None)
verdicts = [audit(data, trust, datasets=packages).exit_code for data in files]
verdicts += [audit(data[:-1], trust, datasets=packages).exit_code for data in files]
# By now everything is imported and the contract's artefact is read: the second audit of a file opens nothing at all.
sys.addaudithook(lambda event, args: seen.append(f"open {args[0]}") if event == "open" else None)
again = [audit(data, trust, datasets=packages).exit_code for data in files]
print(json.dumps({"seen": seen, "verdicts": verdicts, "again": again, "modules": sorted(sys.modules)}))
"""

_WITHOUT_KERNEL = """
import json, sys
sys.modules["prover._kernel"] = None  # importing it raises ImportError
from pathlib import Path
from attestation.audit import audit
from attestation.trust import load_trust
from prover import reference
folder, name = Path(sys.argv[1]), sys.argv[2]
trust = load_trust(folder / "trust.toml")
report = audit((folder / "good" / f"{name}.evidence.zip").read_bytes(), trust, backend=reference)
print(json.dumps({"report": report.to_dict(), "modules": sorted(sys.modules)}))
"""


def _imports(path: Path) -> set[str]:
    """What a module imports when it runs; imports for types alone do not run."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def _file(module: str) -> Path | None:
    base = ROOT / Path(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def reachable(start: str) -> dict[str, set[str]]:
    """Every module of ours that `start` can reach, with what it imports."""
    found: dict[str, set[str]] = {}
    waiting = [start]
    while waiting:
        module = waiting.pop()
        path = _file(module)
        if module in found or path is None:
            continue
        found[module] = _imports(path)
        packages = {module.rsplit(".", i)[0] for i in range(1, module.count(".") + 1)}
        waiting += [name for name in found[module] | packages if name.split(".")[0] in OURS]
    return found


@pytest.mark.parametrize("start", ["attestation.verify", "attestation.audit"])
def test_no_module_on_the_way_names_the_network(start: str) -> None:
    graph = reachable(start)
    assert {"attestation.checks_outcome", "circuits.plan", "protocol.signatures", "prover.kernel_backend"} <= set(graph)
    for module, names in graph.items():
        assert module.split(".")[0] in OURS
        assert {name for name in names if name.split(".")[0] in NETWORK} == set(), module
        assert "attestation.chain_client" not in names, module


def test_no_module_on_the_way_asks_the_clock_or_draws_lots() -> None:
    for module, names in reachable("attestation.audit").items():
        assert {name for name in names if name in AMBIENT or name.split(".")[0] in AMBIENT} == set(), module
        if "os" in names:  # the weights of a batch, and entropy for dealers
            assert _members_of("os", module) == {"urandom"}, module


def _members_of(name: str, module: str) -> set[str]:
    """Which members of an imported module are named in one of ours."""
    path = _file(module)
    assert path is not None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    accesses = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in accesses if isinstance(node.value, ast.Name) and node.value.id == name}


def test_an_audit_opens_no_socket_and_starts_no_process() -> None:
    run = subprocess.run([sys.executable, "-c", _PROGRAM, str(FOLDER)], cwd=ROOT, capture_output=True, text=True, check=True)
    report = json.loads(run.stdout)
    assert report["seen"] == []
    half = len(report["verdicts"]) // 2
    assert report["verdicts"] == [0] * half + [1] * half
    assert half
    assert report["again"] == [0] * half
    assert {"web3", "grpc", "httpx", "requests", "asyncio", "sqlalchemy"} & set(report["modules"]) == set()


def test_the_reference_audits_without_the_compiled_kernel() -> None:
    command = [sys.executable, "-c", _WITHOUT_KERNEL, str(FOLDER), EVIDENCE]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)
    assert {"prover._kernel", "prover.kernel_backend"} & set(found["modules"]) <= {"prover._kernel"}  # the blocked entry
    native = audit((FOLDER / "good" / f"{EVIDENCE}.evidence.zip").read_bytes(), load_trust(FOLDER / "trust.toml"))
    assert found["report"] == native.to_dict()
    assert native.exit_code == 0


def test_the_verdict_is_the_same_every_time() -> None:
    trust, packages = load_trust(FOLDER / "trust.toml"), datasets()
    for path in FOLDER.glob("good/*.json"):
        first, second = (audit(path.read_bytes(), trust, datasets=packages).to_dict() for _ in range(2))
        assert first == second


def test_only_the_verifier_makes_a_verified_attestation() -> None:
    verified = verify_bundle((FOLDER / "good" / "count.json").read_bytes(), load_trust(FOLDER / "trust.toml"), datasets())
    members = {name: getattr(verified, name) for name in VerifiedAttestation.__dataclass_fields__ if name != "made_by"}
    for made_by in (None, object(), True):
        with pytest.raises(TypeError, match="verify_bundle alone"):
            VerifiedAttestation(**members, made_by=made_by)
    with pytest.raises((TypeError, ValueError)):
        replace(verified, result=None)  # type: ignore[arg-type,call-arg]
    with pytest.raises(AttributeError):
        verified.result = None  # type: ignore[assignment,misc]
