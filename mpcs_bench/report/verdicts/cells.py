"""The verdict on one published cell: two one-sided tests against a margin fixed before the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpcs_bench.report.numbers import counted
from mpcs_bench.report.verdicts.amounts import POINTS
from mpcs_bench.report.verdicts.records import CellVerdict
from mpcs_bench.stats import (
    Equivalence,
    PublishedGap,
    equivalence_to_published,
    gap_to_published,
)

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import FilledCell, OurValue
    from mpcs_bench.report.published.records import PublishedCell

MEAN_OF_SDS = (
    "the published standard deviation of a Mean column is a mean of standard deviations; it is "
    "used as printed"
)
SELECTED = "our epoch was chosen on the test part: our value is optimistic"
UNHELD = "the settings of these runs could not be held to a protocol at the paper's scale"


def cell_verdict(
    cell: FilledCell,
    *,
    apart: Sequence[str] = (),
    margins: Sequence[float],
    folds: int | None,
    late: Sequence[str] = (),
    unheld: bool = False,
) -> CellVerdict | None:
    """Return the verdict on a cell; None for text, and for values of others' work.

    `apart` is why the runs of its table are not comparable; `margins` are those that the protocols
    of the table fix, in percentage points, the smallest first: that one counts; `late` says what
    of them was set after the run. `folds` is over how many the published standard deviation is,
    `unheld` whether settings went unchecked.
    """
    published, ours = cell.published, cell.ours
    if published.mean is None or published.metric is None or published.experiment is None:
        return None
    if ours is None:
        return CellVerdict("not run", (cell.absence.reason,) if cell.absence else ())
    margin = margins[0]
    test = against_published(ours, published, published.mean, folds, margin)
    gap = gap_in_points(ours, published, published.mean, folds)
    warnings = (
        *(test.warnings if test else ()),
        *((MEAN_OF_SDS,) if ours.is_mean else ()),
        *margin_warnings(margins, late),
        *value_warnings(ours, unheld=unheld),
    )
    reasons = (*apart, *incomplete(ours))
    if published.unit == "number":
        reasons += ("the published value is no share: a margin in points says nothing of it",)
    if reasons:
        return CellVerdict("not comparable", reasons, warnings, margin, test, gap)
    if test is None or test.outcome is None:
        why = untested(ours, published, folds)
        return CellVerdict("out of reach", (why,), warnings, margin, test, gap)
    return CellVerdict(test.outcome, (), warnings, margin, test, gap)


def against_published(
    ours: OurValue, published: PublishedCell, mean: float, folds: int | None, margin: float
) -> Equivalence | None:
    """Hold our folds to `mean`, in the unit of the cell, in percentage points; None: no test.

    The ratios n_test/n_train are 0: both sides cross-validate one data set (docs/verdicts.md).
    """
    if published.sd is None or folds is None or len(ours.folds) < 2:
        return None
    scale = POINTS / published.scale
    return equivalence_to_published(
        [POINTS * value for value in ours.folds.values()],
        scale * mean,
        scale * published.sd,
        folds,
        margin=margin,
    )


def gap_in_points(
    ours: OurValue, published: PublishedCell, mean: float, folds: int | None
) -> PublishedGap | None:
    """Return ours minus `mean`, and that in standard errors; None for what is no share."""
    if published.unit == "number":
        return None
    scale = POINTS / published.scale
    return gap_to_published(
        [POINTS * value for value in ours.folds.values()],
        scale * mean,
        None if published.sd is None else scale * published.sd,
        folds,
    )


def incomplete(ours: OurValue) -> tuple[str, ...]:
    """Say that planned runs have no value: what is left is not the planned experiment."""
    count = len(ours.folds)
    if count < ours.planned:
        return (f"{count} of {counted(ours.planned, 'planned fold')} with a value",)
    if not ours.complete:
        return (f"{ours.runs} of {counted(ours.planned_runs, 'planned run')} with a value",)
    return ()


def untested(ours: OurValue, published: PublishedCell, folds: int | None) -> str:
    """Say why no test was possible."""
    if len(ours.folds) < 2:
        return "one fold of ours has no spread, so nothing can be tested"
    if published.sd is None:
        return "no standard deviation is published, so nothing can be tested"
    if folds is None:
        return "the publication does not say over how many folds its standard deviation is"
    return "nothing varies on either side, so there is no standard error"


def margin_warnings(margins: Sequence[float], late: Sequence[str]) -> tuple[str, ...]:
    """Say which margins the protocols fix, where they differ, and which were set after the run."""
    if len(margins) < 2:
        return tuple(late)
    named = " and ".join(f"{margin:g}" for margin in margins)
    return (f"the protocols fix margins of {named} points: the smallest counts", *late)


def value_warnings(ours: OurValue, *, unheld: bool) -> tuple[str, ...]:
    """Say what weakens whatever is found of a value of ours."""
    selected = (SELECTED,) if ours.selected_on_test else ()
    return (*selected, UNHELD) if unheld else selected
