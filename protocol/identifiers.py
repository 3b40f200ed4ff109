"""Identifiers and the textual forms of bytes, as constrained types that the documents are made of."""

from typing import Annotated

from pydantic import StringConstraints

# Names appear in file names, log lines and certificates: a small alphabet leaves nothing to escape.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]

Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]  # 32 bytes: digest, scalar, public key, identifier
Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]  # 64 bytes: point, Ed25519 signature
Hex65 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{130}$")]  # 65 bytes: recoverable ECDSA signature r, s, v
HexBytes = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})*$")]
Address = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{40}$")]  # EVM account, always lower case
Decimal = Annotated[str, StringConstraints(pattern=r"^(0|-?[1-9][0-9]{0,76})$")]  # an integer of any size as text
ErrorCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
