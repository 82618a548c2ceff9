"""Statistics on plain arrays: tests, averages and corrections that know their own limits."""

from mpcs_bench.stats.multiplicity import holm
from mpcs_bench.stats.paired import EQUAL_WITHIN, corrected_resampled_t, naive_paired_t
from mpcs_bench.stats.permutation import sign_flip
from mpcs_bench.stats.reach import smallest_attainable_p
from mpcs_bench.stats.records import (
    ColumnMean,
    FoldSummary,
    Interval,
    PairedT,
    PooledValue,
    SignFlip,
    Statistic,
)
from mpcs_bench.stats.summary import mean_of_columns, over_folds, pooled

__all__ = [
    "EQUAL_WITHIN",
    "ColumnMean",
    "FoldSummary",
    "Interval",
    "PairedT",
    "PooledValue",
    "SignFlip",
    "Statistic",
    "corrected_resampled_t",
    "holm",
    "mean_of_columns",
    "naive_paired_t",
    "over_folds",
    "pooled",
    "sign_flip",
    "smallest_attainable_p",
]
