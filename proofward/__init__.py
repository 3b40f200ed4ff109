"""Verified statistics over data that never leaves the hospital: the public names.

    from proofward import connect

    client = connect("https://hub.example.org", api_key="pw_...", trust="trust.toml")
    result = client.query("SELECT sex, AVG(age) FROM nhanes GROUP BY sex", purpose="research")

What `query` returns has been verified on this machine, against the pinned trust, before it is returned.
"""

from attestation.trust import Trust
from attestation.verify import VerifiedAttestation
from proofward.client import Client, connect
from proofward.result import Attestation, Result
from protocol.errors import ProofwardError

__all__ = ["Attestation", "Client", "ProofwardError", "Result", "Trust", "VerifiedAttestation", "connect"]
