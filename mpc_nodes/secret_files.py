"""Secrets in files: only the owner may read them, and a file that others may read is refused (attacks.md A11)."""

import os
import stat
from pathlib import Path

from mpc_nodes.transport_errors import SecretExposed, SecretInvalid


def check_private(path: Path) -> None:
    """Check that nobody but the owner can read or write `path`. Raises SecretExposed, SecretInvalid if it is missing."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SecretInvalid(f"cannot read the secret: {error.strerror}", where=str(path)) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretExposed("others than the owner can read or write it", where=str(path), hint=f"chmod go= {path}")


def read_secret(path: Path, size: int) -> bytes:
    """The secret of exactly `size` bytes in `path`. Raises SecretExposed, SecretInvalid."""
    check_private(path)
    with path.open("rb") as file:
        secret = file.read(size + 1)
    if len(secret) != size:
        raise SecretInvalid(f"a secret of {size} bytes has another length", where=str(path))
    return secret


def write_secret(path: Path, secret: bytes) -> None:
    """Create `path`, mode 0600, durably. An existing file is never overwritten.

    Raises:
        SecretInvalid: the file exists already or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SecretInvalid(f"cannot create the secret: {error.strerror}", where=str(path)) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    fsync_directory(path.parent)


def fsync_directory(path: Path) -> None:
    """Make the names in a directory durable: after a crash a file that was created or renamed is still there."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
