"""The distributions against SciPy, and where doubles are not enough against mpmath at high precision."""

import math
import random
from fractions import Fraction
from typing import Any

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from circuits.statistics.distributions import (
    chi_square_survival,
    f_survival,
    normal_quantile,
    normal_two_sided,
    student_quantile,
    student_two_sided,
)

FREEDOM = st.one_of(st.integers(1, 300), st.fractions(Fraction(1, 2), 300, max_denominator=1000))
SIZES = st.fractions(Fraction(1, 1000), 30, max_denominator=1000)
PROBABILITIES = st.fractions(Fraction(1, 10**6), 1 - Fraction(1, 10**6), max_denominator=10**6).filter(lambda p: 0 < p < 1)


def close(found: Any, expected: Any) -> None:
    assert float(found) == pytest.approx(float(expected), rel=1e-12, abs=0)


@given(SIZES)
def test_the_normal_is_scipys(z: Any) -> None:
    close(normal_two_sided(z), 2 * stats.norm.sf(float(z)))
    assert normal_two_sided(-z) == normal_two_sided(z) == chi_square_survival(z * z, 1)


@given(SIZES, FREEDOM)
@settings(deadline=None)
def test_student_is_scipys(t: Any, df: Any) -> None:
    close(student_two_sided(t, df), 2 * stats.t.sf(float(t), float(df)))
    assert student_two_sided(-t, df) == student_two_sided(t, df) == f_survival(t * t, 1, df)


@given(st.fractions(Fraction(1, 1000), 600, max_denominator=1000), FREEDOM)
@settings(deadline=None)
def test_chi_square_is_scipys(x: Any, df: Any) -> None:
    close(chi_square_survival(x, df), stats.chi2.sf(float(x), float(df)))


@given(SIZES, FREEDOM, FREEDOM)
@settings(deadline=None)
def test_f_is_scipys(f: Any, df1: Any, df2: Any) -> None:
    # SciPy's own error grows to 1e-11 here and there: its last digits are checked against mpmath below.
    expected = stats.f.sf(float(f), float(df1), float(df2))
    assert f_survival(f, df1, df2) == pytest.approx(expected, rel=1e-10, abs=0)


@given(PROBABILITIES, FREEDOM)
@settings(deadline=None)
def test_quantiles_are_scipys_and_undo_the_distributions(p: Any, df: Any) -> None:
    if abs(p - Fraction(1, 2)) > Fraction(1, 1000):  # nearer, the double next to p is already another quantile
        close(-abs(normal_quantile(p)), stats.norm.ppf(float(min(p, 1 - p))))
    t = student_quantile(p, df)
    tail = 2 * min(p, 1 - p)
    close(student_two_sided(t, df), tail)
    close(normal_two_sided(normal_quantile(p)), tail)
    assert (t > 0) - (t < 0) == (p > Fraction(1, 2)) - (p < Fraction(1, 2))


@pytest.mark.parametrize("df", [1, 2, 3, Fraction(49, 10), 30, 10**4, 10**9])
@pytest.mark.parametrize("p", [Fraction(3, 5), Fraction(39, 40), Fraction(199, 200)])
def test_student_quantiles_are_scipys(p: Any, df: Any) -> None:
    close(student_quantile(p, df), stats.t.ppf(float(p), float(df)))


def test_quantiles_have_fifty_digits() -> None:
    with mpmath.workdps(60):
        expected = mpmath.sqrt(2) * mpmath.erfinv(mpmath.mpf("0.95"))
        assert abs(normal_quantile(Fraction(39, 40)) - expected) < mpmath.mpf(10) ** -50
        assert abs(normal_quantile(Fraction(1, 40)) + expected) < mpmath.mpf(10) ** -50
        assert abs(student_quantile(Fraction(39, 40), 1) - mpmath.tan(mpmath.pi * 19 / 40)) < mpmath.mpf(10) ** -48


def test_quantiles_next_to_the_median() -> None:
    for places in (10, 30, 60):
        found = normal_quantile(Fraction(1, 2) + Fraction(1, 10**places))
        assert float(found) == pytest.approx((2 * math.pi) ** 0.5 * 10.0**-places, rel=1e-5)
    assert 0 < float(student_quantile(Fraction(1, 2) + Fraction(1, 10**90), 4)) < 1e-60


def test_random_points_against_mpmath() -> None:
    rng = random.Random(5)
    for _ in range(40):
        df1, df2 = rng.randint(1, 60), rng.choice([rng.randint(1, 60), rng.randint(100, 5000)])
        f = Fraction(rng.randint(1, 5000), 1000)
        with mpmath.workdps(80):
            a, b = mpmath.mpf(df2) / 2, mpmath.mpf(df1) / 2
            x = df2 / (df2 + df1 * mpmath.mpf(f.numerator) / f.denominator)
            expected = mpmath.betainc(a, b, 0, x, regularized=True)
            chi = mpmath.gammainc(b, mpmath.mpf(f.numerator) / f.denominator * b, regularized=True)
        assert f_survival(f, df1, df2) == float(expected)
        assert chi_square_survival(f * df1, df1) == float(chi)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (lambda: normal_two_sided(37), "1.1451142445050278e-299"),
        (lambda: student_two_sided(37, 10**12), stats.t.sf(37, 1e12) * 2),
        (lambda: student_two_sided(5, 1e300), 2 * stats.norm.sf(5)),
        (lambda: chi_square_survival(1400, 3), stats.chi2.sf(1400, 3)),
        (lambda: student_two_sided(10**100, 3), 4 * 3**0.5 / mpmath.pi * 1e-300),
        (lambda: student_two_sided(10**100, 1), stats.cauchy.sf(1e100) * 2),
        (lambda: f_survival(Fraction(105, 100), 10**6, 10**6), stats.f.sf(1.05, 1e6, 1e6)),
        (lambda: chi_square_survival(10**6 + 5000, 10**6), stats.chi2.sf(1e6 + 5000, 1e6)),
    ],
)
def test_extremes_are_found(found: Any, expected: Any) -> None:
    assert found() == pytest.approx(float(expected), rel=1e-9, abs=0)


def test_what_no_double_can_hold_is_zero_or_one() -> None:
    for large in (10**6, 10**50, float("inf")):
        assert normal_two_sided(large) == chi_square_survival(large, 5) == f_survival(large, 3, 10**9) == 0.0
    assert student_two_sided(float("-inf"), 2) == 0.0
    assert f_survival(10**9, 10**5, 1) == pytest.approx(stats.f.sf(1e9, 1e5, 1), rel=1e-9)
    assert f_survival(Fraction(1, 10**5), 10**5, 1) == 1.0
    for nothing in (0, -3, float("-inf")):
        assert chi_square_survival(nothing, 5) == f_survival(nothing, 5, 5) == 1.0
    assert normal_two_sided(0) == student_two_sided(0, 3) == 1.0
    tiny = Fraction(1, 10**400)
    assert normal_two_sided(tiny) == student_two_sided(tiny, 3) == student_two_sided(tiny, 10**9) == 1.0


def test_the_working_precision_of_others_stays_and_does_not_matter() -> None:
    before = mpmath.mp.prec
    plain = (
        normal_quantile.__wrapped__(Fraction(1, 3)),
        student_quantile.__wrapped__(Fraction(1, 3), 7),
        student_two_sided(2, 5),
    )
    with mpmath.workprec(20):
        assert (
            normal_quantile.__wrapped__(Fraction(1, 3)),
            student_quantile.__wrapped__(Fraction(1, 3), 7),
            student_two_sided(2, 5),
        ) == plain
    assert mpmath.mp.prec == before
