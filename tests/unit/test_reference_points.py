"""Sums of many points at once against py_ecc, one addition after the other."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.parameters import GROUP_ORDER
from prover.reference.codec import IDENTITY, Point, is_identity
from prover.reference.combined import combined_commitment
from prover.reference.curve import double, neg
from prover.reference.generators import generator
from prover.reference.group import multi, plus, same, sums, total
from prover.reference.relation import Form

# Few points, so that lists hold equal and opposite ones; one of them is not normalised.
BASES = [generator("G", index) for index in range(3)]
POINTS = [IDENTITY, *BASES, *map(neg, BASES), double(BASES[0])]
SCALARS = st.one_of(
    st.sampled_from([0, 1, 2, GROUP_ORDER - 1, GROUP_ORDER, 1 << 253, (1 << 256) - 1, -1]),
    st.integers(0, GROUP_ORDER - 1),
)


def times(scalar: int, point: Point) -> Point:
    """Double and add."""
    result = IDENTITY
    for bit in bin(scalar % GROUP_ORDER)[2:]:
        result = double(result)
        if bit == "1":
            result = plus(result, point)
    return result


@given(st.lists(st.lists(st.sampled_from(POINTS), max_size=9), max_size=5))
def test_sums_are_those_of_single_additions(lists: list[list[Point]]) -> None:
    for found, points in zip(sums(lists), lists, strict=True):
        assert same(found, total(points))


def test_sums_of_opposite_points_are_the_identity() -> None:
    found = sums([[BASES[0], neg(BASES[0])], [], [IDENTITY], [BASES[1], BASES[1], neg(double(BASES[1]))]])
    assert [is_identity(point) for point in found] == [True] * 4


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(POINTS), SCALARS), max_size=6))
def test_multi_is_double_and_add(terms: list[tuple[Point, int]]) -> None:
    found = multi([point for point, _ in terms], [scalar for _, scalar in terms])
    assert same(found, total(times(scalar, point) for point, scalar in terms))


@settings(max_examples=5)
@given(st.integers(50, 1500), st.randoms(use_true_random=False))
def test_multi_of_many_points_is_linear(count: int, random: Random) -> None:
    # All points are known multiples of one, so the sum is one multiplication; the windows are wide here.
    multiples = [double(BASES[0])]
    while len(multiples) < count:
        multiples.append(plus(multiples[-1], BASES[0]))
    scalars = [random.randrange(GROUP_ORDER) for _ in multiples]
    expected = sum(scalar * factor for factor, scalar in enumerate(scalars, start=2))
    assert same(multi(multiples, scalars), times(expected, BASES[0]))


WEIGHTS = st.one_of(
    st.sampled_from([0, 0, 1, 1, 1, 3, 40, GROUP_ORDER - 1, GROUP_ORDER - 6]), st.integers(0, GROUP_ORDER - 1)
)
SMALL_WEIGHTS = st.sampled_from([0, 1, 2, GROUP_ORDER - 1])


@st.composite
def combinations(draw: st.DrawFn) -> tuple[list[int], list[Form], int]:
    """K of each digit, forms over some of them, and R."""
    values = draw(st.lists(st.sampled_from([1, 2, 3, 60]), min_size=1, max_size=3))
    forms: list[Form] = []
    for _ in range(draw(st.integers(1, 3))):
        digits = sorted(draw(st.sets(st.integers(0, len(values) - 1), min_size=1)))
        kinds = [draw(st.sampled_from([WEIGHTS, SMALL_WEIGHTS])) for _ in digits]
        parts = zip(digits, kinds, strict=True)
        forms.append(tuple((d, draw(st.lists(kind, min_size=values[d], max_size=values[d]))) for d, kind in parts))
    return values, forms, draw(st.sampled_from([1, 2, 4]))


@settings(max_examples=25, deadline=None)
@given(combinations(), st.randoms(use_true_random=False))
def test_the_combined_commitment_is_its_definition(combination: tuple[list[int], list[Form], int], random: Random) -> None:
    values, forms, blocks = combination
    logarithms = [[random.randrange(1, 6) for _ in range(K * blocks)] for K in values]
    multiples = {k: times(k, BASES[0]) for k in range(1, 6)}
    deltas, eq_row = range(7, 7 + len(forms)), [random.randrange(GROUP_ORDER) for _ in range(blocks)]
    found = combined_commitment([[multiples[k] for k in digit] for digit in logarithms], forms, deltas, eq_row)
    expected = sum(
        delta * w_t * eq_i * logarithms[d][t * blocks + i]
        for delta, form in zip(deltas, forms, strict=True)
        for d, weights in form
        for t, w_t in enumerate(weights)
        for i, eq_i in enumerate(eq_row)
    )
    assert same(found, times(expected, BASES[0]))
