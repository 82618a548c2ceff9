"""Records of how our results stand to a margin, or to a published mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mpcs_bench.stats.records import Interval, Statistic

Outcome = Literal["equivalent", "differs", "inconclusive", "out of reach"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence(Statistic):
    """Two one-sided tests: is the difference within `margin`? All in the unit of the values.

    `interval` has level 1 - 2 `alpha`, 90 % as a rule, and `half_width` is half of it. `outcome`:

    - `equivalent`: the interval lies within the margin, which is p < `alpha`;
    - `differs`: it lies wholly beyond, so the difference is shown to be larger than the margin;
    - `out of reach`: neither, and it is at least as wide as the margin on both sides, so that no
      difference whatever could have been called equivalent;
    - `inconclusive`: neither, though it could have been.

    `p`, `half_width`, `interval` and `outcome` are None where nothing varies.
    """

    difference: float
    standard_error: float
    degrees_of_freedom: float
    margin: float
    p: float | None
    half_width: float | None
    interval: Interval | None
    outcome: Outcome | None
    alpha: float

    @property
    def in_reach(self) -> bool:
        """Whether a difference of zero would have been called equivalent."""
        return self.half_width is not None and self.half_width < self.margin

    @property
    def smallest_margin(self) -> float | None:
        """The smallest margin that these data could have shown, had the difference been zero."""
        return self.half_width

    @property
    def margin_shown(self) -> float | None:
        """The smallest margin within which the difference seen is shown to lie."""
        return None if self.half_width is None else abs(self.difference) + self.half_width


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedGap(Statistic):
    """Our mean minus a published one: `gap`, its standard error, and `z`, their ratio.

    All but `gap` are None where one side has no standard deviation. `p` is two-sided, from a t.
    """

    gap: float
    standard_error: float | None
    z: float | None
    degrees_of_freedom: float | None
    p: float | None
