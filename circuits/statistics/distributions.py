"""Normal, Student, chi-square and F distributions: p-values and quantiles, the same to the last bit for everybody.

    normal_two_sided(z) -> float               P(|Z| >= |z|)
    student_two_sided(t, df) -> float          P(|T| >= |t|)
    chi_square_survival(x, df) -> float        P(X >= x);   with df = 1 and x = z^2 it is normal_two_sided(z)
    f_survival(f, df1, df2) -> float           P(F >= f);   with df1 = 1 and f = t^2 it is student_two_sided(t, df2)
    normal_quantile(p) -> mpf                  z with P(Z <= z) = p, to 50 digits
    student_quantile(p, df) -> mpf             t with P(T <= t) = p, to 50 digits

Arguments are int, Fraction, float or mpf, and taken exactly; degrees of freedom are positive and need not be whole. Where a
statistic has an irrational root, pass its exact square to `chi_square_survival` or `f_survival`. Quantiles are mpf, to go on
with inside `mpmath.workdps(50)`.

Everything rests on two series of positive terms, summed in integers: those of the incomplete gamma and beta functions (NIST
Digital Library of Mathematical Functions, 8.7.1 and 8.17.8). A small tail is one minus such a series, with as many more
bits as it is small. Terms grow with the root of the smaller degrees of freedom only: milliseconds up to a million of them.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from math import isinf
from typing import TypeAlias

from mpmath import mp, mpf

Number: TypeAlias = int | float | Fraction | mpf

_BITS = 240  # 50 digits, and what thousands of roundings can take
_FLOOR = -760  # of the logarithm: below the smallest double


def normal_two_sided(z: Number) -> float:
    """P(|Z| >= |z|) of a standard normal Z."""
    return 0.0 if _infinite(z) else chi_square_survival(_exact(z) ** 2, 1)


def student_two_sided(t: Number, df: Number) -> float:
    """P(|T| >= |t|) of Student's T."""
    return 0.0 if _infinite(t) else f_survival(_exact(t) ** 2, 1, df)


def chi_square_survival(x: Number, df: Number) -> float:
    """P(X >= x) of a chi-square X; 1 for x <= 0."""
    if _infinite(x):
        return 0.0 if x > 0 else 1.0
    return _rounded(_gamma_tail(_exact(x) / 2, _exact(df) / 2))


def f_survival(f: Number, df1: Number, df2: Number) -> float:
    """P(F >= f) of Fisher's F with df1 over df2 degrees of freedom; 1 for f <= 0."""
    if _infinite(f):
        return 0.0 if f > 0 else 1.0
    return _rounded(_f_tail(_exact(f), _exact(df1), _exact(df2)))


@lru_cache(maxsize=256)
def normal_quantile(p: Number) -> mpf:
    """z with P(Z <= z) = p, 0 < p < 1, to 50 digits."""
    p = _exact(p)
    if p == Fraction(1, 2):
        return mpf(0)
    tail = min(p, 1 - p)
    with mp.workprec(_BITS):
        z = _newton(lambda z: _gamma_tail(_exact(z) ** 2 / 2, Fraction(1, 2)), _normal_density, _mpf(2 * tail), _near(tail))
        return z if p > tail else -z


@lru_cache(maxsize=256)
def student_quantile(p: Number, df: Number) -> mpf:
    """t with P(T <= t) = p, 0 < p < 1, to 50 digits."""
    p, df = _exact(p), _exact(df)
    if p == Fraction(1, 2):
        return mpf(0)
    tail = min(p, 1 - p)
    with mp.workprec(_BITS + 2 * _magnitude(df)):
        freedom = _mpf(df)
        scale = mp.exp(mp.loggamma((freedom + 1) / 2) - mp.loggamma(freedom / 2)) / mp.sqrt(mp.pi * freedom)
        z = _near(tail)
        # The first correction of Cornish and Fisher: far off for few degrees of freedom, but Newton's steps still arrive.
        start = z + (z**3 + z) / (4 * freedom)
        t = _newton(
            lambda t: _f_tail(_exact(t) ** 2, Fraction(1), df),
            lambda t: scale * (1 + t * t / freedom) ** (-(freedom + 1) / 2),
            _mpf(2 * tail),
            start,
        )
        return t if p > tail else -t


def _newton(two_sided: Callable[[mpf], mpf], density: Callable[[mpf], mpf], wanted: mpf, start: mpf) -> mpf:
    """The root x > 0 of two_sided(x) = wanted.

    In logarithms of both x and the tail the curve is concave, so that the steps never miss the root for good.
    """
    x = start
    close = mpf(2) ** -(_BITS // 2 - 20)  # a step this small leaves an error of its square
    while True:
        tail = two_sided(x)
        if abs(tail - wanted) < wanted * mpf(2) ** (20 - _BITS):  # a root this near zero is not known better
            return x
        step = mp.log(tail / wanted) * tail / (2 * x * density(x))
        x *= mp.exp(step)
        if abs(step) < close:
            return x


def _normal_density(z: mpf) -> mpf:
    return mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)


def _near(tail: Fraction) -> mpf:
    """z with P(Z >= z) = tail within 0.0005 (Abramowitz and Stegun, 26.2.23), at least 0.001."""
    t = mp.sqrt(-2 * mp.log(_mpf(tail)))
    above = mpf("2.515517") + t * (mpf("0.802853") + t * mpf("0.010328"))
    below = 1 + t * (mpf("1.432788") + t * (mpf("0.189269") + t * mpf("0.001308")))
    return max(t - above / below, mpf("0.001"))


def _gamma_tail(x: Fraction, a: Fraction) -> mpf:
    """Q(a, x), the upper incomplete gamma function over Gamma(a); what rounds to 0 is only a lower bound."""
    if x <= 0:
        return mpf(1)
    bits = _BITS + 2 * _magnitude(a)
    with mp.workprec(bits):
        first = _gamma_first(x, a)
        if x > a + 1:
            # first a / (x + 1) <= Q(a, x) <= first a / (x - a + 1), and first a / x for a < 1.
            least = first + mp.log(_mpf(a / (x + 1)))
            if first + mp.log(_mpf(a / min(x, x - a + 1))) < _FLOOR:
                return mp.exp(least)
            bits += int(-least / mp.ln2)
    with mp.workprec(bits):
        return 1 - mp.exp(_gamma_first(x, a)) * _series(x, Fraction(0), a + 1)


def _gamma_first(x: Fraction, a: Fraction) -> mpf:
    """log(x^a e^-x / Gamma(a + 1))."""
    return _mpf(a) * mp.log(_mpf(x)) - _mpf(x) - mp.loggamma(_mpf(a + 1))


def _f_tail(f: Fraction, df1: Fraction, df2: Fraction) -> mpf:
    """I_x(a, b) with x = df2 / (df2 + df1 f), a = df2 / 2, b = df1 / 2; what rounds to 0 is only a lower bound."""
    if f <= 0:
        return mpf(1)
    a, b = df2 / 2, df1 / 2
    x = df2 / (df2 + df1 * f)
    y = 1 - x
    bits = _BITS + 2 * _magnitude(a + b)
    with mp.workprec(bits):
        if 2 * x <= 1:
            if _most(y, x, b, a) < _FLOOR:
                return mpf(1)
            return mp.exp(_beta_first(x, y, a, b)) * _series((a + b) * x, x, a + 1)
        first = _beta_first(x, y, a, b)
        if _most(x, y, a, b) < _FLOOR:
            return mp.exp(first)
        # Below the mean the first term is a lower bound that is not far off.
        if (a + b) * x < a + 1:
            bits += max(0, int(-first / mp.ln2))
    with mp.workprec(bits):
        return 1 - mp.exp(_beta_first(y, x, b, a)) * _series((a + b) * y, y, b + 1)


def _most(x: Fraction, y: Fraction, a: Fraction, b: Fraction) -> mpf:
    """An upper bound of log I_x(a, b): that of a geometric series, where its terms fall."""
    ratio = max((a + b) * x / (a + 1), x)
    return _beta_first(x, y, a, b) - mp.log(_mpf(1 - ratio)) if ratio < 1 else mpf(0)


def _beta_first(x: Fraction, y: Fraction, a: Fraction, b: Fraction) -> mpf:
    """log(x^a y^b / (a B(a, b)))."""
    beta = mp.loggamma(_mpf(a + 1)) + mp.loggamma(_mpf(b)) - mp.loggamma(_mpf(a + b))
    return _mpf(a) * mp.log(_mpf(x)) + _mpf(b) * mp.log(_mpf(y)) - beta


def _series(first: Fraction, step: Fraction, below: Fraction) -> mpf:
    """The sum over n of the products over k < n of (first + step k) / (below + k), to the working precision."""
    bits = mp.prec
    one = 1 << bits
    above, by, under = (_fixed(number, bits) for number in (first, step, below))
    total = term = one
    while term > total >> bits:
        term = term * above // under
        total += term
        above += by
        under += one
    return mpf(total) / one


def _fixed(number: Fraction, bits: int) -> int:
    return (number.numerator << bits) // number.denominator


def _mpf(number: Fraction) -> mpf:
    return mpf(number.numerator) / number.denominator


def _exact(number: Number) -> Fraction:
    if isinstance(number, int | float | Fraction):
        return Fraction(number)
    sign, mantissa, exponent, _ = number._mpf_
    magnitude = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return -magnitude if sign else magnitude


def _infinite(number: Number) -> bool:
    return isinstance(number, float) and isinf(number)


def _rounded(number: mpf) -> float:
    # Through a fraction: numbers too small for 53 bits are rounded once as well.
    return float(_exact(number)) if number > mpf(2) ** -1100 else 0.0


def _magnitude(number: Fraction) -> int:
    """The bits of its whole part."""
    return int(number).bit_length()
