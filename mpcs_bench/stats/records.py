"""What every statistic says of itself: how many values, of what, by which method, assuming what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

METHODS = "methods, on data such as these"
TRAINED_MODELS = "these trained models, on new patients"
TRAINED_MODELS_IMAGES = "these trained models, on new images"


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
    was seen in these data that weakens it. `question` is what the answer is about (`METHODS`,
    `TRAINED_MODELS`): it supports no claim about anything else. Empty for a mere summary.
    `not_for` names the claims for which it is known to be wrong too often, and how often (false
    alarms at 0.05, simulated).
    """

    n: int
    unit: str
    method: str
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    question: str = ""
    not_for: tuple[str, ...] = ()


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
class SignedRank(Statistic):
    """A two-sided Wilcoxon signed-rank test; `smallest_p` as of `SignFlip`.

    `statistic` is the smaller of the two sums of ranks, `exact` whether p is counted and not
    approximated.
    """

    statistic: float
    p: float
    smallest_p: float
    exact: bool
    alpha: float

    @property
    def in_reach(self) -> bool:
        """Whether any outcome of this test could have had p <= `alpha`."""
        return self.smallest_p <= self.alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior(Statistic):
    """Where the mean difference lies, given the data and a flat prior: a Student t.

    `p_worse`, `p_equivalent` and `p_better` add up to 1: the mean difference lies below `-rope`,
    within, or above. `interval` is the central credible interval. `scale` is 0 and `interval` None
    where the differences are all equal.
    """

    location: float
    scale: float
    degrees_of_freedom: int
    correlation: float
    rope: float
    p_worse: float
    p_equivalent: float
    p_better: float
    interval: Interval | None


class NemenyiPair(NamedTuple):
    """Two methods, the better-ranked first: how far their average ranks are apart, and Nemenyi's p.

    `p` is adjusted for all pairs.
    """

    first: str
    second: str
    rank_difference: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Friedman(Statistic):
    """Friedman's test of several methods over `n` blocks, with Nemenyi's comparisons.

    `average_ranks` (name, rank) run from the best, rank 1, to the worst. `pairs` has all pairs in
    that order; `groups` the longest runs of at least two methods that are less than
    `critical_difference` apart. `chi2` and `p` are None where all methods tie in all blocks.
    `smallest_p` is what one and the same order in every block would give.
    """

    chi2: float | None
    degrees_of_freedom: int
    p: float | None
    smallest_p: float
    average_ranks: tuple[tuple[str, float], ...]
    critical_difference: float
    pairs: tuple[NemenyiPair, ...]
    groups: tuple[tuple[str, ...], ...]
    alpha: float
    descriptive: bool = True

    @property
    def in_reach(self) -> bool:
        """Whether two average ranks could be a critical difference apart at all."""
        return self.critical_difference <= self.degrees_of_freedom


@dataclass(frozen=True, slots=True, kw_only=True)
class Power(Statistic):
    """How often (`power`) `n` values with this `sd` would give p <= `alpha` at a true `effect`."""

    effect: float
    sd: float
    ratio: float
    power: float
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedEffect(Statistic):
    """Cohen's d_z (None without variance), and the share of units where the candidate is better."""

    d_z: float | None
    superiority: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dominance(Statistic):
    """Cliff's delta, -1 to 1, and the probability of superiority, 0 to 1, of two lists."""

    delta: float
    superiority: float


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
