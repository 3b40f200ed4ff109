"""Trust at first use: what a service says of itself is believed once, and written down."""

import os
import warnings
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from attestation.trust import Trust, load_trust, parse_trust, render_trust
from proofward.http import Connection

FIRST_USE: Final = "first-use"


class TrustPinned(UserWarning):
    """Trust was taken from the service itself, because the caller asked for it."""


def pinned_trust(connection: Connection, directory: str | Path | None) -> Trust:
    """What the service said of itself at first use. Raises TrustInvalid if the pin is not usable."""
    parts = urlsplit(connection.url)
    base = Path(directory) if directory is not None else _configuration() / "proofward" / "trust"
    path = base / f"{parts.hostname}_{parts.port or parts.scheme}.toml"
    if path.exists():
        return load_trust(path)
    trust = parse_trust(connection.request("GET", "trust").text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_trust(trust), encoding="utf-8")
    warnings.warn(
        f"trust in consortium {trust.consortium.name} ({trust.consortium_digest[:16]}...) was taken from {connection.url} "
        f"itself and pinned in {path}; compare it with a hospital's",
        TrustPinned,
        stacklevel=3,
    )
    return trust


def _configuration() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
