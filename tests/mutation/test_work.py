"""A bad proof costs a verifier little more than a good one: counted in points that are multiplied or added, not in seconds.

The reference goes from equation to equation and stops at the first that fails: it never does more than for an honest proof.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from prover import reference
from prover.errors import RowProofInvalid
from prover.reference import combined, group, rows
from tests.malicious.algebra import scalar_bytes
from tests.malicious.instances import MODES, Honest, honest
from tests.malicious.layout import elements
from tests.malicious.table import Claim


@cache
def case(mode: str) -> tuple[Honest, bytes]:
    known = honest(mode, 8, 4, 3)
    return known, known.prove(reference.Transcript)


class Counter:
    """Counts the points that the reference's sums are given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.points = 0
        multi, sums = group.multi, group.sums

        def counted_multi(points: Sequence[Any], scalars: Sequence[int]) -> Any:
            self.points += len(points)
            return multi(points, scalars)

        def counted_sums(lists: Sequence[Sequence[Any]]) -> Any:
            self.points += sum(map(len, lists))
            return sums(lists)

        monkeypatch.setattr(rows, "multi", counted_multi)
        monkeypatch.setattr(combined, "multi", counted_multi)
        monkeypatch.setattr(combined, "sums", counted_sums)

    def of(self, *proven: tuple[Claim, bytes]) -> tuple[int, bool]:
        """The points of one verification, and whether it accepts."""
        self.points = 0
        try:
            reference.verify_rows([claim.instance(reference.Transcript, proof) for claim, proof in proven])
        except RowProofInvalid:
            return self.points, False
        return self.points, True


@pytest.mark.parametrize("mode", MODES)
def test_a_refused_proof_is_no_more_work_than_an_honest_one(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known, proof = case(mode)
    counter = Counter(monkeypatch)
    work, accepted = counter.of((known.claim, proof))
    assert accepted
    assert work > 0
    for element in elements(known.claim)[::5]:
        for changed in (bytes(element.size), scalar_bytes(5) * (element.size // 32)):
            refused, accepted = counter.of((known.claim, element.replaced(proof, changed)))
            assert not accepted
            assert refused <= work, element.name
    # The last equation of the last proof fails: everything before has been checked once.
    last = proof[:-32] + scalar_bytes(5)
    assert counter.of((known.claim, proof), (known.claim, last)) == (2 * work, False)
