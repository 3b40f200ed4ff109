"""Proofs and dataset packages: for the hub's own verification, and on their way to buyers and auditors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.errors import PackageNotFound
from attestation.bundle import Bundle
from attestation.evidence import evidence_pieces
from mpc_nodes.hub import RoundResult
from protocol.consortium import Consortium
from protocol.messages import Deal, Round
from protocol.query import Offer
from protocol.signatures import open_message

Packages = Callable[[str], bytes | None]  # by root; `HubStore.package`


class Downloads:
    """Counts the downloads that are under way, each of which holds a package while its reader is slow."""

    def __init__(self) -> None:
        self.under_way = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """While inside, one more is under way."""
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1


def datasets_of(bundle: Bundle, packages: Packages) -> dict[str, bytes]:
    """The packages of a bundle's parts by root. Raises PackageNotFound."""
    return dict(_datasets(bundle, packages))


def evidence_of(bundle: Bundle, packages: Packages) -> Iterator[bytes]:
    """The evidence file in pieces; one package is in memory at a time. Raises PackageNotFound."""
    return evidence_pieces(bundle.encoded, _datasets(bundle, packages))


def proofs_of(consortium: Consortium, offer: Offer, dealt: RoundResult) -> list[bytes]:
    """The contribution proofs of all who dealt, which travel in their deals beside what they signed for the bundle."""
    deals = (open_message(consortium, each, Round.DEAL, offer.query_id, Deal) for each in dealt.messages.values())
    return [bytes.fromhex(deal.proof) for deal in deals]


def package_at(root: str, packages: Packages) -> bytes:
    """The package with this root. Raises PackageNotFound."""
    package = packages(root)
    if package is None:
        raise PackageNotFound("no hospital has registered a dataset with this root")
    return package


def _datasets(bundle: Bundle, packages: Packages) -> Iterator[tuple[str, bytes]]:
    for root in sorted(signed.registration.root for signed in bundle.registrations):
        yield root, package_at(root, packages)
