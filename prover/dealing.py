"""What a dealer makes: public coefficient commitments and one secret share vector for each member."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Deal:
    """The outcome of one dealing (docs/spec/06-sharing.md, section 2).

    Attributes:
        commitments: A_0 .. A_t, 64 bytes each; A_0 commits to the shared vector itself. Public.
        shares: the share vectors of members 1 .. n, in this order, each as long as the secrets.
    """

    commitments: bytes
    # Never printed: t + 1 of them are the secrets.
    shares: tuple[bytes, ...] = field(repr=False)
