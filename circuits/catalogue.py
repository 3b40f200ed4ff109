"""Everything that can be asked, by its SQL name: aggregates and analyses."""

from typing import Final

from circuits.aggregates import AGGREGATES, ORDER_STATISTICS
from circuits.analysis import Analysis
from circuits.statistics import histogram, linear, survival

ANALYSES: Final[dict[str, Analysis]] = {
    analysis.name: analysis
    for analysis in (
        histogram.HISTOGRAM,
        linear.LINEAR,
        survival.SURVIVAL,
    )
}

NAMES: Final = (*map(str, AGGREGATES), *map(str, ORDER_STATISTICS), *ANALYSES)
"""The names that a policy allows or does not."""
