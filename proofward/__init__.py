"""Verified statistics over data that never leaves the hospital: the public names.

    from proofward import connect

    client = connect("https://hub.example.org", api_key="pw_...", trust="trust.toml")
    result = client.query("SELECT sex, AVG(age) FROM nhanes GROUP BY sex", purpose="research")

What `query` returns has been verified on this machine, against the pinned trust, before it is returned.

The names are loaded on first use, so that a command which needs none of them does not wait for them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from attestation.trust import Trust as Trust
    from attestation.verify import VerifiedAttestation as VerifiedAttestation
    from proofward.client import Client as Client
    from proofward.client import connect as connect
    from proofward.result import Attestation as Attestation
    from proofward.result import Result as Result
    from protocol.errors import ProofwardError as ProofwardError

__all__ = ["Attestation", "Client", "ProofwardError", "Result", "Trust", "VerifiedAttestation", "connect"]

_HOMES: Final = {
    "Attestation": "proofward.result",
    "Client": "proofward.client",
    "ProofwardError": "protocol.errors",
    "Result": "proofward.result",
    "Trust": "attestation.trust",
    "VerifiedAttestation": "attestation.verify",
    "connect": "proofward.client",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'proofward' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
