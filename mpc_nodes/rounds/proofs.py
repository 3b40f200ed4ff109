"""The proofs of a query's contributions, checked together: whose cells follow from the table that they were registered with.

Specification: docs/spec/06-rounds.md, "Verdict"; docs/spec/05-argument.md, section 7.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mpc_nodes.errors import DealInvalid
from mpc_nodes.session import Offered
from protocol.messages import Contribution
from prover.contribution import ProvenContribution, verify_contributions
from prover.errors import ContributionProofInvalid
from prover.package import Package

_REMEMBERED: Final = 1024  # findings


@dataclass(frozen=True)
class Proven:
    """A contribution whose fields were checked, and the bytes that its `proof` is the digest of."""

    contribution: Contribution
    proof: bytes = field(repr=False)


class ProofJudge:
    """Finds whose proofs are wrong.

    A finding is a function of the contribution alone: it names the query, the plan, the proof and, with the root, the table.
    So findings are remembered, and a session that is rebuilt, or a request that comes again with one deal more, costs no
    proof twice. They are not stored: after a restart a proof is verified once more, rather than trusting a note about it.

    Args:
        package: the verified package of a root and hospital; raises DatasetNotAdmitted.
    """

    def __init__(self, package: Callable[[str, int], Package], *, threads: int = 1) -> None:
        self._package = package
        self._threads = threads
        self._found: OrderedDict[str, str | None] = OrderedDict()

    def made(self, contribution: Contribution) -> None:
        """This node has proved the contribution itself, in this process."""
        self._remember(contribution, None)

    def judge(self, offered: Offered, deals: Mapping[int, Proven]) -> dict[int, str]:
        """The dealers whose contribution is not proven, with the error code. Raises DatasetNotAdmitted."""
        new = {dealer: deal for dealer, deal in deals.items() if deal.contribution.digest not in self._found}
        # All packages first: without one of them nothing can be said, and the rest need not be verified.
        items: dict[int, ProvenContribution] = {}
        for dealer, deal in new.items():
            package = self._package(deal.contribution.root, dealer)
            if _fits(offered, dealer, package):
                items[dealer] = ProvenContribution(deal.contribution, offered.plan, package, deal.proof)
            else:
                self._remember(deal.contribution, DealInvalid.code)
        if items and self._holds(list(items.values())):
            for item in items.values():
                self._remember(item.contribution, None)
        else:
            # At least one of them is wrong. Each is checked by itself: the honest do not depend on whom a batch names.
            for item in items.values():
                self._remember(item.contribution, None if self._holds([item]) else ContributionProofInvalid.code)
        found = {dealer: self._found[deal.contribution.digest] for dealer, deal in deals.items()}
        return {dealer: code for dealer, code in found.items() if code is not None}

    def _holds(self, items: list[ProvenContribution]) -> bool:
        try:
            verify_contributions(items, threads=self._threads)
        except ContributionProofInvalid:
            return False
        return True

    def _remember(self, contribution: Contribution, code: str | None) -> None:
        self._found[contribution.digest] = code
        while len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)


def _fits(offered: Offered, dealer: int, package: Package) -> bool:
    """Whether a table is one that this hospital may answer this offer from; an honest one names no other."""
    registration, offer = package.registration, offered.offer
    return (
        (registration.hospital, registration.dataset) == (dealer, offer.dataset)
        and registration.schema_hash == offer.schema_hash
        and registration.valid_from <= offer.submitted_at
    )
