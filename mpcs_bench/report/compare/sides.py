"""Reads the rows of each experiment that is compared, as the tables of its protocol group them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mpcs_bench.report.compare.asking import PATIENTS
from mpcs_bench.report.compare.references import Reference
from mpcs_bench.report.definitions import ReportError
from mpcs_bench.report.grouping import RowGroup, group_rows
from mpcs_bench.report.model import Column, Metric
from mpcs_bench.report.pairing import Method
from mpcs_bench.report.source import FACTORS, CellRecord, MetricValue, Source, load
from mpcs_bench.report.table import Values, columns_of, table_row

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Side:
    """One experiment: its rows by data set, and all test metrics of its protocol.

    `datasets` are those of the protocol that have test results, `with_patients` those of them
    that have a patient-level accuracy. `shown` are the metrics that tables show.
    """

    reference: Reference
    rows: Mapping[str, tuple[RowGroup, ...]]
    values: Mapping[str, Values]
    datasets: tuple[str, ...]
    with_patients: frozenset[str]
    shown: tuple[Metric, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the experiment's own cells have."""
        own = {c.cell_id for groups in self.rows.values() for g in groups for c in g.cells}
        return tuple(sorted(name for name, cells in self.values.items() if own & cells.keys()))

    def methods(self, dataset: str, metric: Metric, columns: Sequence[Column]) -> list[Method]:
        """Return the rows on `dataset` with an entry for each of `columns`."""
        values = self.values.get(metric.name, {})
        return [
            Method(table_row(group, columns, values, metric), group)
            for group in self.rows.get(dataset, ())
        ]

    def columns(self, group: RowGroup, metric: str) -> tuple[Column, ...]:
        """Return the columns that one row has values for, or is planned to have."""
        return columns_of([group], self.values.get(metric, {}))


def read_sides(
    connection: DuckDBPyConnection, references: Iterable[Reference]
) -> dict[Reference, Side]:
    """Return each experiment's rows. What one protocol compares is a factor in all of them.

    Raises ReportError for a control, which is no method, and for an experiment without results.
    """
    wanted = list(dict.fromkeys(references))
    sources = {name: load(connection, name) for name in dict.fromkeys(r.protocol for r in wanted)}
    factors = {
        name
        for source in sources.values()
        for cell in source.cells
        for name, _ in cell.factors
        if name not in FACTORS
    }
    return {
        reference: _side(reference, sources[reference.protocol], factors) for reference in wanted
    }


def _side(reference: Reference, source: Source, factors: set[str]) -> Side:
    cells = [_with_factors(cell, factors) for cell in source.cells]
    own = [cell for cell in cells if cell.experiment == reference.experiment]
    if all(cell.control for cell in own):
        raise ReportError(
            f"'{reference}' is a control: it is never compared.",
            hint="A control shows what can be had without a method; the report lists its values. "
            "Name an experiment that is no control.",
        )
    if not any(cell.state == "done" for cell in own):
        raise ReportError(
            f"'{reference}' has no result yet.",
            hint=f"Run it first: `mpcs-bench run {reference.protocol}`.",
        )
    by_dataset: dict[str, list[CellRecord]] = defaultdict(list)
    for cell in cells:
        by_dataset[cell.dataset].append(cell)
    values = _by_metric(source.values)
    return Side(
        reference=reference,
        rows={
            dataset: rows
            for dataset, members in by_dataset.items()
            if (rows := _own_rows(members, reference.experiment))
        },
        values=values,
        datasets=tuple(d for d, members in by_dataset.items() if _measured(members, values)),
        with_patients=frozenset(
            d for d, members in by_dataset.items() if _measured(members, values, PATIENTS)
        ),
        shown=source.metrics,
    )


def _own_rows(cells: Sequence[CellRecord], experiment: str) -> tuple[RowGroup, ...]:
    """Group all cells of the data set, so that rows are called what the report calls them."""
    return tuple(
        group
        for group in group_rows(cells)
        if group.first.experiment == experiment and not group.first.control
    )


def _with_factors(cell: CellRecord, names: set[str]) -> CellRecord:
    """Take the conditions that another protocol compares out of those that must be equal."""
    conditions = cell.conditions or {}
    found = sorted(names & conditions.keys())
    if not found:
        return cell
    return replace(
        cell,
        factors=(*cell.factors, *((name, str(conditions[name])) for name in found)),
        conditions={name: value for name, value in conditions.items() if name not in names},
    )


def _by_metric(values: Iterable[MetricValue]) -> dict[str, Values]:
    found: dict[str, dict[int, list[MetricValue]]] = defaultdict(lambda: defaultdict(list))
    for value in values:
        found[value.metric][value.cell_id].append(value)
    return {metric: dict(cells) for metric, cells in found.items()}


def _measured(
    cells: Sequence[CellRecord], values: Mapping[str, Values], metric: str | None = None
) -> bool:
    ids = {cell.cell_id for cell in cells}
    return any(ids & values[name].keys() for name in values if metric in (None, name))
