"""The accuracy table of a block, and the other averages of the same values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mpcs_bench.report.model import Block, Entry, Row, Unit, averaged
from mpcs_bench.report.numbers import MISSING, accuracy, counted, percent, plural
from mpcs_bench.report.page import Cell, Line, Section, Sheet

SELECTED_ON_TEST = "† Epoch chosen on the test part: the values are optimistic."


def accuracy_sheet(block: Block) -> Sheet:
    """Return mean and standard deviation for each method and magnification, and the Mean column."""
    headers = [Cell("Method"), *(Cell(column.label) for column in block.columns)]
    if block.has_mean:
        headers.append(Cell("Mean", "of means ± of SDs"))
    return Sheet(
        caption=f"{_metric(block)} on {block.dataset}, test part, in %: mean ± SD over "
        f"{repeats([unit for row in block.rows for e in row.entries for unit in e.planned])}",
        headers=tuple(headers),
        sections=_sections(block, lambda row: _accuracies(row, block.has_mean)),
        notes=_notes(block),
    )


def averages_sheet(block: Block) -> Sheet:
    """Return what else the same values give: pooled accuracy, and the other spreads of the mean."""
    headers = [Cell("Method"), *(Cell(column.label) for column in block.columns)]
    if block.has_mean:
        headers += [Cell("SD of the mean", "over folds"), Cell("Pooled SD", "over magnifications")]
    return Sheet(
        caption=f"{_metric(block)} on {block.dataset}, pooled over all test "
        f"{plural(block.metric.item)}, in %: every one weighs the same, not every fold",
        headers=tuple(headers),
        sections=_sections(block, lambda row: _averages(row, block)),
        notes=_notes(block),
    )


def repeats(units: Sequence[Unit]) -> str:
    """Return how often a value was measured: `5 folds × 3 seeds`."""
    folds = len({unit.fold for unit in units})
    seeds = len({unit.seed for unit in units})
    splits = len({unit.split_seed for unit in units})
    text = f"{counted(folds, 'fold')} × {counted(seeds, 'seed')}"
    return f"{text} × {counted(splits, 'split')}" if splits > 1 else text


def _metric(block: Block) -> str:
    metric = block.metric
    return f"{metric.title} ({metric.short})" if metric.short.isupper() else metric.title


def _sections(block: Block, cells: Callable[[Row], tuple[Cell, ...]]) -> tuple[Section, ...]:
    def lines(control: bool) -> tuple[Line, ...]:
        rows = [row for row in block.rows if row.control is control]
        return tuple(Line(_head(row), cells(row)) for row in rows)

    return tuple(Section(part) for part in (lines(False), lines(True)) if part)


def _head(row: Row) -> Cell:
    mark = " †" if row.selected_on_test else ""
    return Cell(row.label + mark, ", ".join(f"{name} = {value}" for name, value in row.variant))


def _notes(block: Block) -> tuple[str, ...]:
    return (SELECTED_ON_TEST,) if any(row.selected_on_test for row in block.rows) else ()


def _accuracies(row: Row, has_mean: bool) -> tuple[Cell, ...]:
    cells = [_accuracy(entry) for entry in row.entries]
    if has_mean and row.mean is None:
        cells.append(Cell(MISSING, "a column is missing"))
    elif has_mean and row.mean is not None:
        columns = averaged([entry.column for entry in row.entries])
        own = [entry for entry in row.entries if entry.column in columns]
        incomplete = any(len(entry.values) < len(entry.planned) for entry in own)
        text = accuracy(row.mean.mean_of_means, row.mean.mean_of_sds)
        cells.append(Cell(text, "incomplete" if incomplete else ""))
    return tuple(cells)


def _accuracy(entry: Entry) -> Cell:
    if entry.problem and entry.summary is None:
        return Cell(MISSING, "set aside")
    if not entry.planned:
        return Cell(MISSING, "not planned")
    have = ""
    if len(entry.values) < len(entry.planned):
        folds = {(unit.split_seed, unit.fold) for unit in entry.planned}
        noun = "fold" if len(folds) == len(entry.planned) else "run"
        have = f"{len(entry.values)} of {counted(len(entry.planned), noun)}"
    if entry.summary is None:
        return Cell(MISSING, have)
    return Cell(accuracy(entry.summary.mean, entry.summary.sd), have)


def _averages(row: Row, block: Block) -> tuple[Cell, ...]:
    cells = []
    for entry in row.entries:
        seeds = len({unit.seed for unit in entry.values})
        noun = block.metric.item if seeds <= 1 else f"{block.metric.item} result"
        known = entry.pooled
        cells.append(Cell(percent(known.value), counted(known.n, noun)) if known else Cell(MISSING))
    if block.has_mean:
        cells.append(Cell(percent(row.fold_mean.sd if row.fold_mean else None)))
        cells.append(Cell(percent(row.mean.pooled_sd if row.mean else None)))
    return tuple(cells)
