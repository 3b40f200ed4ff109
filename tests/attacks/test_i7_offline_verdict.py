"""I7: the verdict is a function of the bundle and the pinned facts. The verifier opens nothing and asks nobody."""

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
from tests.vectors.bundles.generate import FOLDER

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
seen = []
FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.fork", "os.system", "urllib.", "http.", "ftplib.")
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith(FORBIDDEN) else None)
verdicts = [audit(data, trust).exit_code for data in files] + [audit(data[:-1], trust).exit_code for data in files]
print(json.dumps({"seen": seen, "verdicts": verdicts, "modules": sorted(sys.modules)}))
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
    allowed = {"prover.kernel_backend": {"os"}}  # entropy for dealers; verification calls none of it
    for module, names in reachable("attestation.audit").items():
        assert {name for name in names if name in AMBIENT or name.split(".")[0] in AMBIENT} == set(), module
        assert "os" not in names or module in allowed, module


def test_an_audit_opens_no_socket_and_starts_no_process() -> None:
    run = subprocess.run([sys.executable, "-c", _PROGRAM, str(FOLDER)], cwd=ROOT, capture_output=True, text=True, check=True)
    report = json.loads(run.stdout)
    assert report["seen"] == []
    half = len(report["verdicts"]) // 2
    assert report["verdicts"] == [0] * half + [1] * half
    assert half
    assert {"web3", "grpc", "httpx", "requests", "asyncio", "sqlalchemy"} & set(report["modules"]) == set()


def test_the_verdict_is_the_same_every_time() -> None:
    trust = load_trust(FOLDER / "trust.toml")
    for path in FOLDER.glob("good/*.json"):
        data = path.read_bytes()
        assert audit(data, trust).to_dict() == audit(data, trust).to_dict()


def test_only_the_verifier_makes_a_verified_attestation() -> None:
    verified = verify_bundle((FOLDER / "good" / "count.json").read_bytes(), load_trust(FOLDER / "trust.toml"))
    members = {name: getattr(verified, name) for name in VerifiedAttestation.__dataclass_fields__ if name != "made_by"}
    for made_by in (None, object(), True):
        with pytest.raises(TypeError, match="verify_bundle alone"):
            VerifiedAttestation(**members, made_by=made_by)
    with pytest.raises((TypeError, ValueError)):
        replace(verified, result=None)  # type: ignore[arg-type,call-arg]
    with pytest.raises(AttributeError):
        verified.result = None  # type: ignore[assignment,misc]
