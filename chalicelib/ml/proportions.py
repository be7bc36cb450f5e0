"""Shares and differences of shares, with intervals that hold for few and for extreme ones."""

from dataclasses import dataclass
from math import sqrt

Z = 1.959963984540054  # 97.5% of the standard normal distribution lie below.


@dataclass(frozen=True)
class Interval:
    """A share, or a difference of shares, with its 95% interval."""

    value: float
    low: float
    high: float


def wilson(successes: int, n: int) -> Interval:
    """A share with Wilson's score interval (JASA 22, 1927), without continuity correction.

    Args:
        successes: Of n.
        n: At least 1.
    """
    share = successes / n
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def newcombe(first: Interval, second: Interval) -> Interval:
    """The first share minus the second with Newcombe's hybrid score interval.

    Method 10 of Newcombe, Statistics in Medicine 17 (1998) 873-890: it keeps its coverage for
    shares near 0 and 1 and for groups of very different size, where Wald's does not.

    Args:
        first: Of `wilson`.
        second: Of `wilson`, of other members.
    """
    value = first.value - second.value
    down = sqrt((first.value - first.low) ** 2 + (second.high - second.value) ** 2)
    up = sqrt((first.high - first.value) ** 2 + (second.value - second.low) ** 2)
    return Interval(value, value - down, value + up)
