"""What one test said of one pair: the record behind a line on the screen and a row in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mpcs_bench.stats import Interval, holm


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One test or interval. Differences are proportions, candidate minus baseline.

    `question` is what the answer is about (`stats.METHODS`, `stats.TRAINED_MODELS`); `n` counts
    `unit`s. `name` is the same for all magnifications: Holm's family. `smallest_p` is the least p
    that so many units could have given, `smallest_p_adjusted` what Holm makes of it where all tests
    of the family give theirs. `effect` is what the method measures an effect in (docs/compare.md).
    `decisive` marks the one test that answers its question; `alpha` is what its p is held to.

    Where there is no p, an interval decides: `deciding` where there is one (wider than `interval`,
    as several are looked at), and only with at least `least_n` units.
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
    smallest_p_adjusted: float | None = None
    effect: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    decisive: bool = False
    alpha: float = 0.05
    deciding: Interval | None = None
    least_n: int = 0

    @property
    def in_reach(self) -> bool:
        """Whether any outcome of this test could have shown a difference, after Holm."""
        smallest = self.smallest_p if self.smallest_p_adjusted is None else self.smallest_p_adjusted
        return self.n >= self.least_n and (smallest is None or smallest <= self.alpha)

    @property
    def finding(self) -> str:
        """Say higher, lower, equal, not shown or out of reach: by p, or by the interval without."""
        if self.difference is None:
            return "not asked"
        if self.p is not None:
            shown = (self.p if self.p_adjusted is None else self.p_adjusted) <= self.alpha
        else:
            interval = self.deciding or self.interval
            shown = interval is not None and (interval.low > 0 or interval.high < 0)
        if shown and self.n >= self.least_n:
            return "higher" if self.difference > 0 else "lower"
        return "not shown" if self.in_reach else "out of reach"


def with_holm(columns: Sequence[Sequence[Outcome]]) -> list[tuple[Outcome, ...]]:
    """Return the outcomes of each column with Holm's correction over the columns, test by test."""
    found = [list(column) for column in columns]
    for name in dict.fromkeys(outcome.name for column in columns for outcome in column):
        places = [
            (i, j)
            for i, column in enumerate(columns)
            for j, outcome in enumerate(column)
            if outcome.name == name
        ]
        own = [columns[i][j] for i, j in places]
        adjusted = holm([outcome.p for outcome in own])
        smallest = holm([None if o.p is None else o.smallest_p or 0.0 for o in own])
        for (i, j), p, least in zip(places, adjusted, smallest, strict=True):
            found[i][j] = replace(columns[i][j], p_adjusted=p, smallest_p_adjusted=least)
    return [tuple(column) for column in found]
