"""What an auditor trusts: `trust.toml`. Nothing in a bundle is believed because the bundle says so.

The file names the consortium in full and carries its digest; the two must agree, so that an edit of one key, one address
or the threshold is noticed before anything is verified with it. Specification: docs/spec/08-attestation.md, "Trust".
"""

import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from attestation.artefact import Terms
from attestation.errors import TrustInvalid
from protocol import canonical
from protocol.consortium import Consortium
from protocol.document import Document, describe
from protocol.errors import MalformedInput
from protocol.identifiers import Hex32
from protocol.parameters import MAX_MEMBERS
from protocol.statement import ChainAnchor

MAX_TRUST_BYTES: Final = 1 << 20


class PinnedDataset(Document):
    """A dataset root that the auditor has checked by other means, for example on chain."""

    hospital: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]
    root: Hex32


class Trust(Document):
    """The pinned facts. If `datasets` is not empty, no other dataset root is accepted."""

    type: Literal["proofward/trust/v1"] = "proofward/trust/v1"
    consortium_digest: Hex32
    generators: Hex32  # digest of the generators, which the verifier derives itself
    chain: ChainAnchor
    consortium: Consortium
    datasets: tuple[PinnedDataset, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.consortium.digest != self.consortium_digest:
            raise ValueError("the consortium does not have the digest consortium_digest")
        return self

    @property
    def terms(self) -> Terms:
        """What the contract must have been created with."""
        return Terms(
            members=tuple(member.address for member in self.consortium.members),
            threshold=self.consortium.threshold,
            consortium=bytes.fromhex(self.consortium_digest),
        )


def trust_in(consortium: Consortium, chain: ChainAnchor, generators: str) -> Trust:
    """Trust in exactly this consortium, chain and set of generators (`prover.generator_digest()`)."""
    return Trust(consortium_digest=consortium.digest, generators=generators, chain=chain, consortium=consortium)


def parse_trust(text: str) -> Trust:
    """Parse the text of a `trust.toml`. Raises TrustInvalid, which names the key."""
    try:
        members = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise TrustInvalid("not a TOML document") from error
    try:
        # TOML has types that JSON lacks (dates); they have no canonical encoding and are refused there.
        return Trust.model_validate_json(canonical.encode(members))
    except MalformedInput as error:
        raise TrustInvalid(error.message) from error
    except ValidationError as error:
        raise TrustInvalid(describe(error)) from None


def load_trust(path: Path) -> Trust:
    """Read a `trust.toml`. Raises TrustInvalid."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TRUST_BYTES + 1)
        if len(data) > MAX_TRUST_BYTES:
            raise TrustInvalid(f"the file is longer than {MAX_TRUST_BYTES} bytes", where=str(path))
        return parse_trust(data.decode("utf-8"))
    except OSError as error:
        raise TrustInvalid(f"cannot read the file: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise TrustInvalid("the file is not UTF-8", where=str(path)) from error
    except TrustInvalid as error:
        if error.where is not None:
            raise
        raise TrustInvalid(error.message, hint=error.hint, where=str(path)) from error


def render_trust(trust: Trust) -> str:
    """The text of a `trust.toml` that `parse_trust` reads back. All values are of small alphabets: nothing to escape."""
    lines = [
        "# What an auditor of this consortium trusts. Compare it with the members by another channel before you use it.",
        f'type = "{trust.type}"',
        f'consortium_digest = "{trust.consortium_digest}"',
        f'generators = "{trust.generators}"',
        "",
        "[chain]",
        f"chain_id = {trust.chain.chain_id}",
        f'contract = "{trust.chain.contract}"',
        "",
        "[consortium]",
        f'name = "{trust.consortium.name}"',
        f"threshold = {trust.consortium.threshold}",
    ]
    for member in trust.consortium.members:
        lines += [
            "",
            "[[consortium.members]]",
            f"index = {member.index}",
            f'name = "{member.name}"',
            f'address = "{member.address}"',
            f'signing_key = "{member.signing_key}"',
        ]
    for dataset in trust.datasets:
        lines += ["", "[[datasets]]", f"hospital = {dataset.hospital}", f'root = "{dataset.root}"']
    return "\n".join(lines) + "\n"
