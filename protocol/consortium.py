"""The consortium: who the members are, which keys speak for them, how many may be corrupt.

`threshold` is t: up to t members together learn nothing, and t+1 signatures make an attestation. `quorum` is what freezes
the qualified set: two quorums always share an honest member, so no two different sets can be frozen for one query. With
only t+1 signatures a dishonest hub could freeze two sets and subtract the totals (docs/spec/06-rounds.md, "Freezing").
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.document import Document
from protocol.identifiers import Address, Hex32, Name
from protocol.parameters import MAX_MEMBERS, PROTOCOL_VERSION


class Member(Document):
    """One hospital and its node."""

    index: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]  # evaluation point of its shares; never 0, which is the secret
    name: Name
    address: Address  # secp256k1: signs attestations (EIP-712) and its own chain transactions
    signing_key: Hex32  # Ed25519 public key: signs every message, contribution and registration


class Consortium(Document):
    """The members in order of index 1..n, and the threshold t with n >= 2t+1."""

    type: Literal["proofward/consortium/v1"] = "proofward/consortium/v1"
    protocol: Literal["proofward/v1"] = PROTOCOL_VERSION
    name: Name
    threshold: Annotated[int, Field(ge=1, le=(MAX_MEMBERS - 1) // 2)]
    members: Annotated[tuple[Member, ...], Field(min_length=3, max_length=MAX_MEMBERS)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if [member.index for member in self.members] != list(range(1, len(self.members) + 1)):
            raise ValueError("members must have the indices 1..n in order")
        for attribute in ("name", "address", "signing_key"):
            if len({getattr(member, attribute) for member in self.members}) != len(self.members):
                raise ValueError(f"two members have the same {attribute}")
        if len(self.members) < 2 * self.threshold + 1:
            raise ValueError("a threshold t needs at least 2t+1 members")
        return self

    @property
    def size(self) -> int:
        """n, the number of members."""
        return len(self.members)

    @property
    def quorum(self) -> int:
        """Members that must sign the same frozen set: floor((n+t)/2)+1."""
        return (self.size + self.threshold) // 2 + 1

    def member(self, index: int) -> Member:
        """The member with `index`, 1..n. Raises KeyError otherwise."""
        if not 1 <= index <= self.size:
            raise KeyError(index)
        return self.members[index - 1]
