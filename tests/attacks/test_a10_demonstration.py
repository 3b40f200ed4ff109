"""A10: after whole queries in real processes, no secret and no row is anywhere but where it belongs."""

import base64
import json
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofward.demo import HOSPITALS
from tests.demonstration import Demonstration
from tests.processes import descendants

pytestmark = pytest.mark.timeout(600)


def _forms(secret: bytes) -> set[bytes]:
    """How 32 bytes could be written down."""
    encoded = base64.b64encode(secret)
    return {secret, secret.hex().encode(), secret.hex().upper().encode(), encoded, encoded.rstrip(b"=")}


def _secrets(directory: Path) -> dict[str, set[bytes]]:
    """Every long-lived secret of the demonstration, by whose it is."""
    found: dict[str, set[bytes]] = {}
    for name in HOSPITALS:
        node = directory / "trial" / "nodes" / name
        account = bytes.fromhex((node / "keys" / "account.key").read_text())
        key = serialization.load_pem_private_key((node / "keys" / "signing.pem").read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        tls = (node / "tls" / "node.key").read_bytes().splitlines()[1]
        found[f"{name} account"] = _forms(account)
        found[f"{name} signing"] = _forms(key.private_bytes_raw())
        found[f"{name} tls"] = {tls}
    hub = directory / "trial" / "hub"
    found["hub deployer"] = _forms(bytes.fromhex((hub / "keys" / "deployer.key").read_text()))
    found["hub tls"] = {(hub / "tls" / "hub.key").read_bytes().splitlines()[1]}
    # The last part of an API key is the secret; its name may be shown.
    for name, path in (("buyer", directory / "buyer.key"), ("operator", hub / "state" / "operator.key")):
        found[f"{name} key"] = _forms(bytes.fromhex(path.read_text().strip().rpartition("_")[2]))
    return found


def _rows(directory: Path) -> dict[str, set[bytes]]:
    """Rows that are long enough to be nobody else's, by hospital."""
    return {
        name: {
            line
            for line in (directory / "trial" / "nodes" / name / "tables" / "nhanes.csv").read_bytes().splitlines()[1:]
            if len(line) > 40
        }
        for name in HOSPITALS
    }


def _public(demo: Demonstration) -> dict[str, bytes]:
    """What leaves a hospital or is said by a process: logs, output, bundles, the hub's files, the chain, answers."""
    trial = demo.directory / "trial"
    paths = [path for path in demo.directory.iterdir() if path.is_file() and path.name != "buyer.key"]
    paths += [path for path in (demo.directory / "logs").iterdir() if path.is_file()]
    paths += [path for path in (trial / "hub" / "state").rglob("*") if path.is_file() and path.name != "operator.key"]
    paths += [trial / "trust.toml", trial / "consortium.json", trial / "README.txt", trial / "hub" / "hub.toml"]
    found = {str(path.relative_to(demo.directory)): path.read_bytes() for path in paths}
    assert {"logs/hub.log", "trial/hub/state/hub.db", "trial/hub/state/chain.journal", "count.evidence.zip"} <= set(found)
    found["report"] = json.dumps(demo.report).encode()
    return found


def test_no_secret_is_in_anything_that_is_said_stored_by_the_hub_or_posted(demo: Demonstration) -> None:
    secrets = _secrets(demo.directory)
    assert len(secrets) == 3 * len(HOSPITALS) + 4
    for place, text in _public(demo).items():
        leaked = [whose for whose, forms in secrets.items() if any(form in text for form in forms)]
        assert leaked == [], place


def test_no_row_is_in_anything_that_leaves_a_hospital(demo: Demonstration) -> None:
    rows = _rows(demo.directory)
    assert sum(map(len, rows.values())) > 1000
    for place, text in _public(demo).items():
        for name, lines in rows.items():
            assert not any(line in text for line in lines), f"{name} in {place}"


def test_no_hospital_holds_what_is_another_hospitals(demo: Demonstration) -> None:
    secrets, rows = _secrets(demo.directory), _rows(demo.directory)
    for name in HOSPITALS:
        files = [path for path in (demo.directory / "trial" / "nodes" / name).rglob("*") if path.is_file()]
        text = b"".join(path.read_bytes() for path in files)
        others = {form for whose, forms in secrets.items() if not whose.startswith(name) for form in forms}
        assert not any(form in text for form in others)
        foreign = {line for other in HOSPITALS if other != name for line in rows[other]} - rows[name]
        assert not any(line in text for line in foreign)


def test_no_secret_is_in_the_arguments_or_the_environment_of_a_process(demo: Demonstration) -> None:
    secrets = {form for forms in _secrets(demo.directory).values() for form in forms}
    processes = [demo.process.pid, *descendants(demo.process.pid)]
    assert len(processes) == 1 + 1 + len(HOSPITALS)
    for pid in processes:
        text = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        assert not any(form in text for form in secrets)


def test_every_private_file_is_for_its_owner_alone(demo: Demonstration) -> None:
    listed = subprocess.run(
        ["find", str(demo.directory / "trial"), "-type", "f", "-perm", "/077"], capture_output=True, text=True, check=True
    )
    public = ("consortium.json", "trust.toml", "README.txt", "policy.toml", "nhanes.csv")
    assert [line for line in listed.stdout.splitlines() if not line.endswith(public)] == []
