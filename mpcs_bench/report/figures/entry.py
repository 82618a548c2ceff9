"""A figure of a report: drawn, or with the reason why it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mpcs_bench.report.definitions import ReportError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class FigureError(ReportError):
    """What a figure is made from is not there: the message says what, the hint how to get it.

    `fed` says whether the protocols hold a cell of the figure at all.
    """

    def __init__(self, message: str, *, hint: str, fed: bool) -> None:
        super().__init__(message, hint=hint)
        self.fed = fed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FigureEntry:
    """One figure of the paper (or one beside them), made from a workspace's results.

    `caption` says what is shown: data, scale, folds, how many, and what bars stand for; `warnings`
    are what keeps it from being held to the paper's. `figure` is None where it cannot be drawn;
    then `reason` says what is missing and `hint` how to get it. `fed` is False where the protocols
    asked for hold no cell of it: a report on them need not wait for it. `of_results` is False where
    it is drawn from what plugins declare alone.
    """

    id: str
    title: str
    caption: str = ""
    warnings: tuple[str, ...] = ()
    figure: Figure | None = None
    reason: str | None = None
    hint: str | None = None
    fed: bool = True
    of_results: bool = True
