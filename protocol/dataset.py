"""The registration of one epoch of a dataset. Its digest is the dataset root that goes on chain (docs/spec/02-tables.md).

The root commits to hiding commitments and to a salt, so nothing about the data can be guessed back from it.
"""

import hashlib
from typing import Annotated, Any, Literal

from pydantic import Field

from protocol.document import Document
from protocol.identifiers import Hex32, Hex64, Name
from protocol.parameters import MAX_CHUNK_ROWS, PROTOCOL_VERSION


class Registration(Document):
    """What a hospital says, once an epoch, about a table that it has committed to."""

    type: Literal["proofward/dataset/v1"] = "proofward/dataset/v1"
    protocol: Literal["proofward/v1"] = PROTOCOL_VERSION
    consortium: Hex32  # digest of the Consortium
    hospital: int  # member index
    dataset: Name
    epoch: Annotated[int, Field(ge=1)]
    table_schema: dict[str, Any]  # Schema.canonical()
    schema_hash: Hex32
    generators: Hex32  # digest of the generators that the commitments use
    chunk_rows: Annotated[int, Field(ge=1, le=MAX_CHUNK_ROWS)]  # of the first chunk, padded: the real count stays hidden
    chunks: Annotated[int, Field(ge=1)]
    columns: Annotated[int, Field(ge=1)]  # C of the R x C matrix of a chunk
    commitments: Hex32  # Merkle root over all one-hot commitments
    admission: Hex32  # SHA-256 of the admission proofs of all chunks
    salt: Hex32  # keeps the on-chain dataset key unguessable; the same in every epoch
    valid_from: Annotated[int, Field(ge=0)]  # Unix seconds

    @property
    def root(self) -> str:
        """The dataset root, hexadecimal."""
        return self.digest

    @property
    def dataset_key(self) -> str:
        """What the contract counts epochs under, hexadecimal."""
        preimage = b"proofward/v1/dataset-key" + bytes.fromhex(self.salt) + f"{self.hospital}/{self.dataset}".encode()
        return hashlib.sha256(preimage).hexdigest()


class SignedRegistration(Document):
    """A registration with the hospital's Ed25519 signature (`protocol.signing.registration_bytes`)."""

    registration: Registration
    signature: Hex64
