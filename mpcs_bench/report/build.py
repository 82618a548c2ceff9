"""Builds the report of one protocol from the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mpcs_bench.report.compare.answers import AnswerBook, load_answers
from mpcs_bench.report.compare.asking import PATIENTS, ask_trained
from mpcs_bench.report.comparing import compare_all
from mpcs_bench.report.grouping import RowGroup, group_rows
from mpcs_bench.report.model import Block, Comparison, Metric, Report
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
    questions = {
        dataset: _question(connection, rows, by_metric, held_to) for dataset, rows in groups.items()
    }
    blocks = tuple(
        _block(dataset, rows, metric, by_metric[metric.name], questions[dataset])
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


@dataclass(frozen=True, slots=True)
class _Question:
    """What the rows of a data set are held to, and what is known of its test items."""

    baseline: str
    book: AnswerBook
    patients: bool


def _question(
    connection: DuckDBPyConnection,
    groups: Sequence[RowGroup],
    by_metric: dict[str, Values],
    held_to: str | None,
) -> _Question | None:
    own = [group for group in groups if not group.first.control]
    if held_to is None or held_to not in {group.first.experiment for group in own}:
        return None
    cells = [cell for group in own for cell in group.cells]
    compared = len({group.first.experiment for group in own}) > 1
    return _Question(
        baseline=held_to,
        book=load_answers(connection, cells if compared else ()),
        patients=any(cell.cell_id in by_metric[PATIENTS] for cell in cells),
    )


def _block(
    dataset: str,
    groups: Sequence[RowGroup],
    metric: Metric,
    values: Values,
    question: _Question | None,
) -> Block:
    columns = columns_of(groups, values)
    methods = [Method(table_row(group, columns, values, metric), group) for group in groups]
    comparisons: tuple[Comparison, ...] = ()
    if question is not None:
        book, patients = question.book, question.patients
        comparisons = compare_all(
            methods,
            question.baseline,
            lambda found, method, baseline: ask_trained(
                found, method, baseline, metric, book, patients=patients
            ),
        )
    rows = tuple(method.row for method in methods)
    return Block(dataset, metric, columns, rows, comparisons)


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
