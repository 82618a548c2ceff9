"""What every statistic says of itself: how many values, of what, by which method, assuming what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Interval(NamedTuple):
    """A two-sided confidence interval; `level` is its coverage, 0.95 as a rule."""

    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """The part that all records share.

    `n` values, each belonging to one `unit` of analysis (`fold`, `fold x seed`); `method` names the
    computation; `assumptions` are what must hold for it to mean what it says; `warnings` are what
    was seen in these data that weakens it.
    """

    n: int
    unit: str
    method: str
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedT(Statistic):
    """A paired t-test, corrected or naive; all amounts are in the unit of the differences.

    `statistic`, `p`, `interval` and `minimum_detectable` are None where the differences are all
    equal: without variance there is no t. `minimum_detectable` is the smallest absolute mean
    difference that would have given p <= `alpha` at the observed variance. `smallest_p` is 0: a t
    is continuous. `ratio` is the mean n_test/n_train, 0 for the naive test.
    """

    mean_difference: float
    standard_error: float
    degrees_of_freedom: int
    statistic: float | None
    p: float | None
    interval: Interval | None
    minimum_detectable: float | None
    alpha: float
    ratio: float
    naive: bool
    smallest_p: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFlip(Statistic):
    """A two-sided sign-flip permutation test of a mean difference of zero.

    `smallest_p` is the smallest p that these `n` units could have given; `exact` says whether all
    sign patterns were counted.
    """

    mean_difference: float
    p: float
    smallest_p: float
    exact: bool
    alpha: float

    @property
    def in_reach(self) -> bool:
        """Whether any outcome of this test could have had p <= `alpha`."""
        return self.smallest_p <= self.alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldSummary(Statistic):
    """Mean and standard deviation (ddof = 1) over folds; `sd` is None below two values."""

    mean: float
    sd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledValue(Statistic):
    """One proportion over all test items of all folds; `n` counts the items."""

    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMean(Statistic):
    """The paper's Mean column, `n` columns wide, with the two standard deviations kept apart.

    `mean_of_sds` is what the paper prints; `pooled_sd` is the root of the mean variance, weighted
    by degrees of freedom. Neither is the standard deviation of `mean_of_means`.
    """

    mean_of_means: float
    mean_of_sds: float | None
    pooled_sd: float | None
