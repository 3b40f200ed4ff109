"""Everything that can be asked, by its SQL name: aggregates and analyses."""

from typing import Final

from circuits.aggregates import AGGREGATES, ORDER_STATISTICS
from circuits.analysis import Analysis
from circuits.statistics import (
    anova,
    calibration,
    correlation_matrix,
    histogram,
    linear,
    principal_components,
    roc,
    survival,
    ttest,
)

ANALYSES: Final[dict[str, Analysis]] = {
    analysis.name: analysis
    for analysis in (
        anova.ANOVA,
        calibration.CALIBRATION,
        correlation_matrix.CORRELATION,
        histogram.HISTOGRAM,
        linear.LINEAR,
        principal_components.PCA,
        roc.ROC,
        survival.SURVIVAL,
        ttest.TTEST,
    )
}

NAMES: Final = (*map(str, AGGREGATES), *map(str, ORDER_STATISTICS), *ANALYSES)
"""The names that a policy allows or does not."""
