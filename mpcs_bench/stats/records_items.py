"""Records of statistics whose unit is a patient or an image, for one set of trained models."""

from __future__ import annotations

from dataclasses import dataclass

from mpcs_bench.stats.records import Interval, Statistic


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapMean(Statistic):
    """A mean or ratio with its bootstrap intervals; `n` clusters hold `values` rows.

    Both intervals come from the same `draws` resamples; either is None where the resamples do not
    vary. `standard_error` is their standard deviation.
    """

    estimate: float
    standard_error: float
    percentile: Interval | None
    bca: Interval | None
    values: int
    draws: int


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar(Statistic):
    """McNemar's test on `n` items: `gained` right by the candidate alone, `lost` by the baseline.

    `p` is exact, `chi2` and `corrected_p` have the continuity correction, and are None where
    nothing is discordant. `smallest_p` is what this number of discordant items could have given.
    `odds_ratio` is gained / lost: infinite where nothing is lost, None where nothing is discordant;
    its interval is exact. `naive` says that the items are correlated, so that p is too small.
    """

    gained: int
    lost: int
    p: float
    chi2: float | None
    corrected_p: float | None
    smallest_p: float
    odds_ratio: float | None
    odds_interval: Interval | None
    naive: bool
    alpha: float

    @property
    def in_reach(self) -> bool:
        """Whether this number of discordant items could have given p <= `alpha`."""
        return self.smallest_p <= self.alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion(Statistic):
    """`successes` of `n` items, with the exact (Clopper-Pearson) and the Wilson interval."""

    successes: int
    estimate: float
    clopper_pearson: Interval
    wilson: Interval
