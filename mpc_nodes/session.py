"""One query at one node, as types. Receiving the messages of a round consumes a state and gives the next.

    Offered -> Decided -> Dealt -> Checked -> Frozen -> Opened -> Endorsed

Each arrow is `receive` of a module in `mpc_nodes/rounds`: a deterministic function of the state, the messages and the
node's identity. So a state that is rebuilt from the store after a crash is the state that was lost, and a round that is
repeated, skipped or taken from another query has no function to go to. Specification: docs/spec/06-rounds.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from circuits.plan import Plan
from circuits.schema import Schema
from protocol.consortium import Consortium
from protocol.messages import Contribution, Decision, Freeze, LeftOut, SignedMessage
from protocol.parameters import SCALAR_BYTES
from protocol.query import Offer
from protocol.statement import ChainAnchor, Statement


@dataclass(frozen=True)
class NodeKeys:
    """The long-lived secret keys of a node."""

    # Not printed: whoever has them speaks for the hospital.
    signing: Ed25519PrivateKey = field(repr=False)  # messages, contributions, registrations
    attestation: bytes = field(repr=False)  # 32 bytes, secp256k1: EIP-712 signatures


@dataclass(frozen=True)
class Identity:
    """Who this node is: a member of a consortium that attests on one chain."""

    consortium: Consortium
    index: int
    chain: ChainAnchor
    keys: NodeKeys = field(repr=False)


@dataclass(frozen=True)
class Offered:
    """The offer was read, and compiles to the plan that it names."""

    offer: Offer
    schema: Schema
    plan: Plan

    @property
    def secrets_bytes(self) -> int:
        """Length of a share vector, which is that of (r, y_1 .. y_K)."""
        return SCALAR_BYTES * (1 + self.plan.cells)


@dataclass(frozen=True)
class Decided:
    """This node has decided and is on the committee, whether or not its hospital takes part."""

    offered: Offered
    decision: Decision
    message: SignedMessage
    # Not printed: each opens what one member seals for this node.
    keys: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class Decisions:
    """All decisions on an offer, checked."""

    digest: str
    by_member: Mapping[int, Decision]

    @property
    def accepting(self) -> tuple[int, ...]:
        """Members whose hospital takes part, in order."""
        return tuple(index for index, decision in sorted(self.by_member.items()) if decision.accept)

    @property
    def committee(self) -> frozenset[int]:
        """Members that gave one-time keys, so that shares can be sealed for them."""
        return frozenset(index for index, decision in self.by_member.items() if decision.keys)


@dataclass(frozen=True)
class Dealt:
    """All decisions are here; if its hospital takes part, this node has dealt."""

    decided: Decided
    decisions: Decisions

    @property
    def offered(self) -> Offered:
        """The offer."""
        return self.decided.offered


@dataclass(frozen=True)
class PublicDeal:
    """The part of a deal that everybody can check, and that is right."""

    contribution: Contribution
    commitments: bytes  # A_0 .. A_t
    shares: tuple[str, ...]  # sealed, of members 1 .. n; the proof, which is checked and large, is not kept


@dataclass(frozen=True)
class ReceivedDeal:
    """A deal as this node received it.

    Attributes:
        digest: SHA-256 of the message body.
        signature: the dealer's, on the message.
        public: its public part, or the reason why that is wrong.
        share: this node's own share; None if it is bad, or `public` is a reason.
        complaint: the one-time private key that proves the share bad.
    """

    dealer: int
    digest: str
    signature: str
    public: PublicDeal | str
    share: bytes | None = field(repr=False)  # not printed: t + 1 of them are the hospital's cells
    complaint: str | None = field(repr=False)  # not printed: secret until the verdict is sent


@dataclass(frozen=True)
class Checked:
    """All deals are here and were checked."""

    dealt: Dealt
    deals: Mapping[int, ReceivedDeal]

    @property
    def offered(self) -> Offered:
        """The offer."""
        return self.dealt.offered


@dataclass(frozen=True)
class Frozen:
    """The qualified set is decided, as far as this node can tell."""

    checked: Checked
    freeze: Freeze
    contributions: tuple[Contribution, ...]  # of the qualified set, in order
    commitments: bytes  # sum over the qualified set of A_0 .. A_t
    share_sum: bytes = field(repr=False)  # not printed: t + 1 of them are the total before suppression

    @property
    def offered(self) -> Offered:
        """The offer."""
        return self.checked.offered


@dataclass(frozen=True)
class Opened:
    """A quorum froze the same set; this node may open its sum to `receivers`."""

    frozen: Frozen
    receivers: tuple[int, ...]

    @property
    def offered(self) -> Offered:
        """The offer."""
        return self.frozen.offered


@dataclass(frozen=True)
class Endorsed:
    """The total is open and stated."""

    statement: Statement
    accused: tuple[LeftOut, ...]


Session = Decided | Dealt | Checked | Frozen | Opened
