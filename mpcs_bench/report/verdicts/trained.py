"""The second question of a claim: do these trained models say so too, on new patients or images?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import FilledCell

Answer = Literal["higher", "lower", "equal", "not shown", "out of reach", "not asked"]
LEVEL = 0.05
"""What `finding` is held to, and the complement of the interval's level."""


@dataclass(frozen=True, slots=True)
class TrainedAnswer:
    """What was found for the trained models of two cells, subject against baseline.

    `finding` is at 0.05; `reason` says why where the question was not asked. `difference` and its
    95 % interval `low` to `high` are in percentage points; `p` is None where the interval alone
    decided, `smallest_p` the smallest that so many items could have given.
    """

    finding: Answer
    reason: str = ""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    smallest_p: float | None = None

    def at(self, alpha: float) -> Answer:
        """Return the finding at another level; without a p, none is shown below 0.05."""
        if self.finding == "not asked":
            return self.finding
        if self.p is None or self.difference is None:
            shown = self.finding in ("higher", "lower")
            return "not shown" if shown and alpha < LEVEL else self.finding
        if self.p <= alpha:
            return "higher" if self.difference > 0 else "lower"
        unreachable = self.smallest_p is not None and self.smallest_p > alpha
        return "out of reach" if unreachable else "not shown"

    @property
    def bound(self) -> float:
        """The p of the difference, or what its interval says that p is at most."""
        return LEVEL if self.p is None else self.p


AskTrained = Callable[["FilledCell", "FilledCell"], TrainedAnswer]
"""Asks it of a subject and a baseline that both have a value of ours, in that order."""


def not_asked(subject: FilledCell, baseline: FilledCell) -> TrainedAnswer:
    """Ask nothing: what stands in where nobody can answer."""
    return TrainedAnswer("not asked", "no test of the trained models is at hand")
