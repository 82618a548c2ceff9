"""Builds the rows and columns of one table: a metric on a data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.model import Column, Entry, Metric, Row, Unit, averaged
from mpcs_bench.report.source import CellRecord, MetricValue
from mpcs_bench.stats import mean_of_columns, over_folds, pooled

Values = Mapping[int, Sequence[MetricValue]]
"""Cell id to its values of one metric, one for each test magnification."""


def columns_of(groups: Iterable[RowGroup], values: Values) -> tuple[Column, ...]:
    """Return the columns that the rows have values for, or are planned to have.

    A planned cell without values is expected at the magnification it is trained at. Columns across
    magnifications stand after those within; "all" stands last of these.
    """
    cells = [cell for group in groups for cell in group.cells]
    found = {
        Column(cell.train_magnification, value.test_magnification)
        for cell in cells
        for value in values.get(cell.cell_id, ())
    }
    trained = {column.train for column in found}
    expected = {cell.train_magnification for cell in cells} - trained
    found |= {Column(train, train) for train in expected}
    return tuple(sorted(found, key=_place))


def _place(column: Column) -> tuple[bool, bool, int, bool, int]:
    return (
        not column.within,
        column.train is None and not column.within,
        (column.train or 0) if not column.within else 0,
        column.test is None,
        column.test or 0,
    )


def table_row(group: RowGroup, columns: Sequence[Column], values: Values, metric: Metric) -> Row:
    """Return the row of `group`, with an entry for every column, empty ones included."""
    entries = tuple(_entry(group, column, values, metric) for column in columns)
    within = [entry for entry in entries if entry.column in averaged(columns)]
    summaries = [entry.summary for entry in within if entry.summary is not None]
    everywhere = mean_over_columns(within)
    cell = group.first
    return Row(
        experiment=cell.experiment,
        label="Colour floor (control)" if cell.control else cell.label,
        variant=group.variant,
        scale=cell.scale,
        control=cell.control,
        selected_on_test=any(c.selected_on_test for c in group.cells),
        entries=entries,
        mean=mean_of_columns(summaries) if within and len(summaries) == len(within) else None,
        fold_mean=over_folds(list(everywhere.values())) if everywhere else None,
    )


def mean_over_columns(entries: Sequence[Entry]) -> dict[Unit, float]:
    """Return, for each unit that has a value in every entry, the mean of its values."""
    shared = set.intersection(*(set(entry.values) for entry in entries)) if entries else set()
    return {
        unit: sum(entry.values[unit] for entry in entries) / len(entries) for unit in sorted(shared)
    }


def _entry(group: RowGroup, column: Column, values: Values, metric: Metric) -> Entry:
    found: dict[Unit, list[MetricValue]] = defaultdict(list)
    problem = None
    for cell in group.cells:
        if cell.train_magnification != column.train:
            continue
        claims = group.ambiguous.get((cell.train_magnification, cell.unit, cell.replicate))
        if claims:
            problem = f"set aside: {' and '.join(claims)} claim the same place"
            continue
        found[cell.unit] += _at(cell, column, values)
    means = {u: sum(v.value for v in vs) / len(vs) for u, vs in sorted(found.items()) if vs}
    used = [value for per_unit in found.values() for value in per_unit]
    counted = [(value.value, value.n) for value in used if value.n]
    return Entry(
        column=column,
        values=means,
        planned=group.planned(column.train),
        summary=over_folds(list(means.values())) if means else None,
        pooled=(
            pooled([v for v, _ in counted], [n for _, n in counted], unit=metric.item)
            if counted and len(counted) == len(used)
            else None
        ),
        problem=problem,
    )


def _at(cell: CellRecord, column: Column, values: Values) -> list[MetricValue]:
    return [v for v in values.get(cell.cell_id, ()) if v.test_magnification == column.test]
