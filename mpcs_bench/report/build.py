"""Builds the report of one protocol from the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mpcs_bench.report.comparing import compare_all
from mpcs_bench.report.grouping import RowGroup, group_rows
from mpcs_bench.report.model import Block, Metric, Report
from mpcs_bench.report.origins import coverage, provenance
from mpcs_bench.report.pairing import Method
from mpcs_bench.report.source import MetricValue, Source, load
from mpcs_bench.report.table import Values, columns_of, table_row

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def build_report(
    connection: DuckDBPyConnection,
    protocol: str,
    *,
    baseline: str | None = None,
    notes: Sequence[str] = (),
    created: datetime | None = None,
) -> Report:
    """Return the report of `protocol`, from the public views of an open store.

    `baseline` is the experiment that others are held to (None: the protocol's own, as stored);
    `notes` are printed above the tables; `created` is the report's date (None: now). Raises
    ReportError where the store has no cell of `protocol`.
    """
    source = load(connection, protocol)
    held_to = baseline or source.baseline
    groups = {
        dataset: group_rows([cell for cell in source.cells if cell.dataset == dataset])
        for dataset in dict.fromkeys(cell.dataset for cell in source.cells)
    }
    by_metric = _by_metric(source)
    blocks = tuple(
        _block(dataset, rows, metric, by_metric[metric.name], held_to)
        for dataset, rows in groups.items()
        for metric in source.metrics
        if any(cell.cell_id in by_metric[metric.name] for row in rows for cell in row.cells)
    )
    all_rows = [row for rows in groups.values() for row in rows]
    return Report(
        protocol=protocol,
        title=source.title,
        notes=(*source.notes, *notes, *_notes(all_rows)),
        warnings=_warnings(source, all_rows, blocks, held_to),
        blocks=blocks,
        coverage=coverage(source.cells),
        decisions=source.decisions,
        provenance=provenance(source),
        created=created or datetime.now(UTC),
    )


def _by_metric(source: Source) -> dict[str, Values]:
    found: dict[str, dict[int, list[MetricValue]]] = defaultdict(lambda: defaultdict(list))
    for value in source.values:
        found[value.metric][value.cell_id].append(value)
    return defaultdict(dict, {metric: dict(cells) for metric, cells in found.items()})


def _block(
    dataset: str, groups: Sequence[RowGroup], metric: Metric, values: Values, held_to: str | None
) -> Block:
    columns = columns_of(groups, values)
    methods = [Method(table_row(group, columns, values, metric), group) for group in groups]
    rows = tuple(method.row for method in methods)
    return Block(
        dataset=dataset,
        metric=metric,
        columns=columns,
        rows=rows,
        comparisons=compare_all(methods, held_to) if held_to else (),
    )


def _notes(rows: Sequence[RowGroup]) -> tuple[str, ...]:
    superseded = sum(row.superseded for row in rows)
    if not superseded:
        return ()
    return (f"{superseded} older results of cells that were run again are not shown.",)


def _warnings(
    source: Source, rows: Sequence[RowGroup], blocks: Sequence[Block], held_to: str | None
) -> tuple[str, ...]:
    warnings = [
        f"Scaled-down run (scale {scale}): not comparable with published values."
        for scale in dict.fromkeys(cell.scale for cell in source.cells)
        if scale != "paper"
    ]
    if any(cell.selected_on_test for cell in source.cells):
        warnings.append(
            "Rows marked † chose their epoch on the test part: their values are optimistic."
        )
    if held_to is not None:
        own = [cell for cell in source.cells if cell.experiment == held_to]
        if not own:
            warnings.append(f"The baseline '{held_to}' has no cell: nothing is compared.")
        elif all(cell.control for cell in own):
            warnings.append(f"The baseline '{held_to}' is a control: nothing is compared.")
    if not blocks:
        warnings.append("No cell has a test result yet.")
    problems = (
        f"{row.name}: {entry.problem}"
        for block in blocks
        for row in block.rows
        for entry in row.entries
        if entry.problem
    )
    return (*warnings, *dict.fromkeys(problems))
