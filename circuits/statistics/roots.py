"""Square roots of exact fractions, rounded once to the nearest double."""

from fractions import Fraction
from math import isqrt


def root(square: Fraction) -> float:
    """The double nearest to the square root of a number that is not negative.

    The root is cut to at least 64 bits, and one more bit says whether anything was cut off, so that rounding to the 53
    bits of a double sees on which side of a tie the exact root lies.
    """
    numerator, denominator = square.numerator, square.denominator
    if numerator == 0:
        return 0.0
    shift = max(0, 64 - (numerator.bit_length() - denominator.bit_length()) // 2)
    scaled, rest = divmod(numerator << (2 * shift), denominator)
    found = isqrt(scaled)
    inexact = rest != 0 or found * found != scaled
    return float(Fraction((found << 1) | inexact, 1 << (shift + 1)))


def signed_root(sign: int | Fraction, square: Fraction) -> float:
    """The root of `square` with the sign of `sign`."""
    return -root(square) if sign < 0 else root(square)
