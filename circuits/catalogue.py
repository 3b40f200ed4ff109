"""Everything that can be asked, by its SQL name: aggregates and analyses."""

from typing import Final

from circuits.aggregates import AGGREGATES, ORDER_STATISTICS
from circuits.analysis import Analysis
from circuits.statistics import (
    anova,
    calibration,
    chisquare,
    correlation_matrix,
    fisher,
    histogram,
    linear,
    principal_components,
    proportion,
    quantile_bins,
    risk,
    roc,
    standardized_rate,
    summary,
    survival,
    ttest,
)

ANALYSES: Final[dict[str, Analysis]] = {
    analysis.name: analysis
    for analysis in (
        anova.ANOVA,
        calibration.CALIBRATION,
        chisquare.CHISQUARE,
        correlation_matrix.CORRELATION,
        fisher.FISHER,
        histogram.HISTOGRAM,
        linear.LINEAR,
        principal_components.PCA,
        proportion.PROPORTION,
        quantile_bins.QUANTILES,
        risk.RISK,
        roc.ROC,
        standardized_rate.STANDARDIZED_RATE,
        summary.SUMMARY,
        survival.SURVIVAL,
        ttest.TTEST,
    )
}

NAMES: Final = (*map(str, AGGREGATES), *map(str, ORDER_STATISTICS), *ANALYSES)
"""The names that a policy allows or does not."""
