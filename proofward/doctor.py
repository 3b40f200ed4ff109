"""`proofward doctor`: what is wrong with this installation, and what to do about each thing.

A check looks at one thing and returns a finding; it never changes anything and prints no secret.
"""

import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from protocol.errors import ProofwardError
from protocol.parameters import PROTOCOL_VERSION

MINIMUM_PYTHON: Final = (3, 11)
MINIMUM_FREE_BYTES: Final = 1 << 30
_REBUILD: Final = "build the kernel again: make clean build"
LIBRARIES: Final = ("cryptography", "duckdb", "fastapi", "grpcio", "protobuf", "pydantic", "sqlalchemy", "sqlglot", "web3")


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"  # works now, but look at it
    FAILED = "failed"
    UNKNOWN = "unknown"  # could not be looked at


@dataclass(frozen=True)
class Finding:
    """What one check saw. `advice` says what to do and is empty if there is nothing to do."""

    name: str
    verdict: Verdict
    detail: str
    advice: str = ""

    def to_dict(self) -> dict[str, str]:
        """JSON-ready members."""
        members = {"name": self.name, "verdict": str(self.verdict), "detail": self.detail}
        return members | {"advice": self.advice} if self.advice else members


Check = Callable[[], Finding]


def run(checks: Iterable[tuple[str, Check]]) -> list[Finding]:
    """Run every check. One that fails with an error is a finding too, so that the others still run."""
    findings = []
    for name, check in checks:
        try:
            findings.append(check())
        except ProofwardError as error:
            findings.append(Finding(name, Verdict.FAILED, error.message, error.hint or f"see docs/errors/{error.code}.md"))
        except (ImportError, OSError) as error:
            findings.append(Finding(name, Verdict.FAILED, f"{type(error).__name__}: {error}", "install it again: make build"))
    return findings


def installation(directory: Path) -> list[tuple[str, Check]]:
    """The checks that need no configuration; `directory` is where data would go."""
    return [
        ("python", python_version),
        ("libraries", library_versions),
        ("kernel", kernel_agrees),
        ("generators", generators_agree),
        ("disk", lambda: disk_space(directory)),
    ]


def python_version() -> Finding:
    """The interpreter is new enough."""
    version = platform.python_version()
    if sys.version_info < MINIMUM_PYTHON:
        return Finding("python", Verdict.FAILED, version, "use Python 3.11 or later")
    return Finding("python", Verdict.OK, f"{version}, {platform.system()} {platform.machine()}, {PROTOCOL_VERSION}")


def library_versions() -> Finding:
    """The libraries that matter most are there."""
    versions = []
    for name in LIBRARIES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            return Finding("libraries", Verdict.FAILED, f"{name} is not installed", "install again: make build")
    return Finding("libraries", Verdict.OK, ", ".join(versions))


def kernel_agrees() -> Finding:
    """The compiled kernel loads and computes what the pure-Python reference computes."""
    from prover import kernel_backend, reference

    values, blinding = (0, 1, 2**64 + 7), reference.scalar_from_int(0x5EED)
    commitment = kernel_backend.commit_outputs(values, blinding)
    if commitment != reference.commit_outputs(values, blinding):
        return Finding("kernel", Verdict.FAILED, "kernel and reference disagree on a commitment", _REBUILD)
    secrets = blinding + b"".join(reference.scalar_from_int(value) for value in values)
    coefficients = b"".join(reference.scalar_from_int(number) for number in range(1, len(values) + 2))
    dealt, expected = (twin.deal(secrets, 4, 1, coefficients) for twin in (kernel_backend, reference))
    if dealt != expected:
        return Finding("kernel", Verdict.FAILED, "kernel and reference disagree on a sharing", _REBUILD)
    return Finding("kernel", Verdict.OK, "loads, and agrees with the reference on a commitment and a sharing")


def generators_agree() -> Finding:
    """Kernel and reference derive the same public generators."""
    from prover import kernel_backend, reference

    digest = kernel_backend.generator_digest()
    if digest != reference.generator_digest():
        return Finding("generators", Verdict.FAILED, "kernel and reference derive different generators", _REBUILD)
    return Finding("generators", Verdict.OK, digest)


def disk_space(directory: Path) -> Finding:
    """There is room for snapshots and databases."""
    place = next(parent for parent in (directory.absolute(), *directory.absolute().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    verdict = Verdict.OK if free >= MINIMUM_FREE_BYTES else Verdict.WARNING
    advice = "" if verdict is Verdict.OK else "free some space; a snapshot takes about two bytes a value"
    return Finding("disk", verdict, f"{free / 1e9:.1f} GB free at {place}", advice)
