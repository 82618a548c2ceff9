"""What one test said of one pair: the record behind a line on the screen and a row in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mpcs_bench.stats import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One test or interval. Differences are proportions, candidate minus baseline.

    `question` is what the answer is about (`stats.METHODS`, `stats.TRAINED_MODELS`); `n` counts
    `unit`s. `name` is the same for all magnifications: Holm's family. `effect` is what the method
    measures an effect in (docs/compare.md). `decisive` marks the one test that answers its
    question; `alpha` is what its p is held to.
    """

    name: str
    question: str
    method: str
    unit: str
    n: int
    difference: float | None = None
    interval: Interval | None = None
    statistic: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    smallest_p: float | None = None
    effect: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    decisive: bool = False
    alpha: float = 0.05

    @property
    def in_reach(self) -> bool:
        """Whether any outcome of this test could have had p <= `alpha`."""
        return self.smallest_p is None or self.smallest_p <= self.alpha

    @property
    def finding(self) -> str:
        """Say higher, lower, equal, not shown or out of reach: by p, or by the interval without."""
        if self.difference is None:
            return "not asked"
        if self.p is not None:
            shown = (self.p if self.p_adjusted is None else self.p_adjusted) <= self.alpha
        elif self.interval is not None:
            shown = self.interval.low > 0 or self.interval.high < 0
        else:
            return "not shown"
        if shown:
            return "higher" if self.difference > 0 else "lower"
        return "not shown" if self.in_reach else "out of reach"
