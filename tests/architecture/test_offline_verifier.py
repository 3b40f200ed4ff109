"""What the import test says of our source, checked on the running interpreter with the libraries' source included."""

import json
import subprocess
import sys

from tests.architecture.source import ROOT

CLIENTS = {
    "aiohttp", "duckdb", "fastapi", "grpc", "httpx", "psycopg", "requests", "sqlalchemy", "urllib3", "uvicorn", "web3",
    "websockets",
}  # fmt: skip

_PROGRAM = """
import json, sys
seen = []
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith(("socket.", "subprocess.", "os.exec")) else None)
import attestation.verify
print(json.dumps({"events": seen, "modules": sorted(sys.modules)}))
"""


def test_importing_the_verifier_opens_nothing_and_loads_no_client_library() -> None:
    run = subprocess.run([sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    report = json.loads(run.stdout)
    assert report["events"] == []
    loaded = {name.split(".")[0] for name in report["modules"]}
    assert sorted(loaded & CLIENTS) == []
