"""The mean of a row over folds, with the interval that the folds' shared training data allow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mpcs_bench.report.comparing import FoldOf, seeds_averaged
from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.model import ALPHA, Column, Metric, averaged
from mpcs_bench.report.numbers import counted
from mpcs_bench.report.source import MetricValue
from mpcs_bench.report.table import Values, columns_of, mean_over_columns, table_row
from mpcs_bench.stats import corrected_resampled_t, over_folds

INTERVAL = (
    "95 % intervals of the mean over folds, a t interval whose variance is corrected for the "
    "training data that folds share (Nadeau and Bengio 2003)"
)

NO_INTERVAL = (
    "No bars: an interval needs two folds whose values differ and cells that say how many groups "
    "they train and test on."
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over `folds` folds, in percent; seeds of a fold are averaged first.

    `low` and `high` are None where there is no interval: fewer than two folds, folds that are all
    equal, or a cell that does not say how many groups it has. `ratio` is n_test/n_train.
    """

    mean: float
    folds: int
    low: float | None = None
    high: float | None = None
    ratio: float | None = None


def shared_columns(groups: Sequence[RowGroup], values: Values) -> tuple[Column, ...]:
    """Return the columns that a mean is over: those within a magnification that all rows have.

    Without magnifications, or with one, that one column.
    """
    columns = columns_of(groups, values)
    within = averaged(columns) or tuple(column for column in columns if column.within)[:1]
    return tuple(
        column for column in within if all(_has_value(group, column, values) for group in groups)
    )


def estimate(
    group: RowGroup, columns: Sequence[Column], values: Values, metric: str
) -> Estimate | None:
    """Return the mean over `columns` and folds; None where no fold has a value in each of them."""
    described = Metric(metric, metric, metric, "item")
    entries = table_row(group, columns, values, described).entries
    units = mean_over_columns(entries)
    if not units:
        return None
    folds = seeds_averaged(units)
    numbers = [100 * value for value in folds.values()]
    ratios = _ratios(group, folds, columns)
    summary = over_folds(numbers, unit="fold")
    if len(numbers) < 2 or ratios is None:
        return Estimate(summary.mean, len(numbers))
    test = corrected_resampled_t(numbers, ratios, alpha=ALPHA, unit="fold")
    if test.interval is None:
        return Estimate(summary.mean, len(numbers), ratio=test.ratio)
    return Estimate(summary.mean, len(numbers), test.interval.low, test.interval.high, test.ratio)


def items_per_fold(groups: Sequence[RowGroup], values: Values) -> tuple[int, int] | None:
    """Return the fewest and the most items that one value is over, None where nobody says."""
    found = [v.n for group in groups for v in _values(group, values) if v.n]
    return (min(found), max(found)) if found else None


def folds_text(estimates: Iterable[Estimate]) -> str:
    """Return `5 folds`, or `2 to 5 folds` where they differ."""
    counts = sorted({found.folds for found in estimates})
    if len(counts) == 1:
        return counted(counts[0], "fold")
    return f"{counts[0]} to {counts[-1]} folds"


def ratio_text(estimates: Iterable[Estimate]) -> str:
    """Return `n_test/n_train = 0.25 to 5.00`, in groups: the larger, the wider the interval."""
    found = sorted(one.ratio for one in estimates if one.ratio is not None)
    low, high = f"{found[0]:.2f}", f"{found[-1]:.2f}"
    return f"n_test/n_train = {low}" if low == high else f"n_test/n_train = {low} to {high}"


def items_text(items: tuple[int, int] | None, noun: str) -> str:
    """Return ` of 80 images`, ` of 14 to 17 patients`, or nothing where it is not known."""
    if items is None:
        return ""
    low, high = items
    return f" of {low} {noun}" if low == high else f" of {low} to {high} {noun}"


def _ratios(
    group: RowGroup, folds: dict[FoldOf, float], columns: Sequence[Column]
) -> list[float] | None:
    """Return n_test/n_train in groups of each fold, averaged over magnifications and seeds."""
    trains = {column.train for column in columns}
    found: dict[FoldOf, list[float]] = defaultdict(list)
    for cell in group.cells:
        place = cell.unit.split_seed, cell.unit.fold
        if place in folds and cell.train_magnification in trains:
            if not cell.groups_train or not cell.groups_test:
                return None
            found[place].append(cell.groups_test / cell.groups_train)
    return [sum(found[place]) / len(found[place]) for place in folds]


def _has_value(group: RowGroup, column: Column, values: Values) -> bool:
    return any(
        value.test_magnification == column.test
        for cell in group.cells
        if cell.train_magnification == column.train
        for value in values.get(cell.cell_id, ())
    )


def _values(group: RowGroup, values: Values) -> list[MetricValue]:
    return [value for cell in group.cells for value in values.get(cell.cell_id, ())]
