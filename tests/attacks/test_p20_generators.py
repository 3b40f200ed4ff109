"""P20: generators have no known relation. They are derived again from public labels by a second implementation."""

import pytest

from protocol.parameters import FIELD_MODULUS
from prover import kernel_backend as kernel
from prover import reference
from prover.reference.generators import FAMILIES


def split(points: bytes) -> list[tuple[int, int]]:
    return [
        (int.from_bytes(points[at : at + 32], "big"), int.from_bytes(points[at + 32 : at + 64], "big"))
        for at in range(0, len(points), 64)
    ]


@pytest.fixture(scope="module")
def every() -> list[tuple[int, int]]:
    return [point for family, count in FAMILIES.items() for point in split(kernel.generators(family, 0, count))]


@pytest.mark.parametrize(("family", "count"), FAMILIES.items())
def test_a_second_implementation_derives_the_same(family: str, count: int) -> None:
    assert kernel.generators(family, 0, count) == reference.generators(family, 0, count)


def test_the_digest_binds_all_of_them() -> None:
    assert kernel.generator_digest() == reference.generator_digest()


def test_no_two_are_equal_or_opposite(every: list[tuple[int, int]]) -> None:
    # Equal and opposite points share their x-coordinate, and nothing else does.
    assert len({x for x, _ in every}) == len(every) == sum(FAMILIES.values())


def test_none_is_the_identity_and_all_are_on_the_curve(every: list[tuple[int, int]]) -> None:
    assert (0, 0) not in every
    assert all((y * y - x**3 - 3) % FIELD_MODULUS == 0 for x, y in every)


def test_none_is_the_standard_generator_or_a_small_multiple(every: list[tuple[int, int]]) -> None:
    # A try-and-increment that started from (1, 2) would show here.
    g1 = (1).to_bytes(32, "big") + (2).to_bytes(32, "big")
    small = {split(kernel.msm(g1, kernel.scalar_from_int(k)))[0][0] for k in range(1, 1000)}
    assert small.isdisjoint({x for x, _ in every})


def test_neighbours_have_no_simple_relation(every: list[tuple[int, int]]) -> None:
    # No sum or difference of two of the first generators is again a generator.
    known = {x for x, _ in every}
    first = [kernel.generators(family, 0, min(count, 8)) for family, count in FAMILIES.items()]
    points = [block[at : at + 64] for block in first for at in range(0, len(block), 64)]
    for i, a in enumerate(points):
        for b in points[i:]:
            for combined in (kernel.add_points(a + b), kernel.subtract(a, b)):
                assert split(combined)[0][0] not in known
