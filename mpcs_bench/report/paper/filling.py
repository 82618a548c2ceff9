"""Fills the cells of a published table from rows of ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mpcs_bench.report.comparing import seeds_averaged
from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.model import Column, Entry, Metric
from mpcs_bench.report.numbers import counted
from mpcs_bench.report.paper.candidates import Candidate
from mpcs_bench.report.paper.material import Material
from mpcs_bench.report.paper.model import Absence, FilledCell, OurValue
from mpcs_bench.report.paper.split_of_fold import ratios_of, splits_of
from mpcs_bench.report.paper.variants import Filling
from mpcs_bench.report.published.records import PublishedCell, PublishedTable
from mpcs_bench.report.source import CellRecord
from mpcs_bench.report.table import Values, mean_over_columns, table_row
from mpcs_bench.stats import FoldSummary, mean_of_columns, over_folds

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Measured:
    """One row of ours at one magnification: its entry, and the summary over its folds."""

    entry: Entry
    summary: FoldSummary | None


def fill(
    table: PublishedTable, filling: Filling, material: Material, full: Mapping[str, float]
) -> tuple[FilledCell, ...]:
    """Return the cells of `table`, each of our own experiments with its value or why it has none.

    `full` is `full_labels` of the publication.
    """
    held = {cell.record.experiment for cell in material.cells}
    filled = []
    for _, cells in table.grid():
        for cell in cells:
            if cell.experiment is None or cell.metric is None or cell.mean is None:
                filled.append(FilledCell(cell))
                continue
            row = filling.row(cell, full.get(cell.experiment, 1.0))
            if row is None:
                filled.append(FilledCell(cell, absence=_nowhere(cell, held)))
                continue
            filled.append(_filled(cell, cells, row, material))
    return tuple(filled)


def _filled(
    cell: PublishedCell, printed: Sequence[PublishedCell], row: Candidate, material: Material
) -> FilledCell:
    columns = _columns(cell, printed)
    found = _value(cell, columns, row, material)
    marked = any(c.selected_on_test for c in row.group.cells)
    return FilledCell(
        cell,
        ours=replace(found, selected_on_test=marked) if isinstance(found, OurValue) else None,
        absence=found if isinstance(found, Absence) else None,
        encoder=row.encoder,
        protocols=row.protocols,
        group=row.group,
        columns=tuple(columns),
    )


def _nowhere(cell: PublishedCell, held: set[str]) -> Absence:
    if cell.experiment not in held:
        return Absence("not here", "no protocol of this report holds the experiment")
    return Absence("not run", "no cell of this kind in the runs of this table")


def _columns(cell: PublishedCell, printed: Sequence[PublishedCell]) -> list[Column]:
    """Return the magnifications that a cell is of: in a Mean column, those of its row."""
    if cell.magnification is None or isinstance(cell.magnification, int):
        return [Column(cell.magnification, cell.magnification)]
    own = [other for other in printed if _alike(other, cell)]
    return [Column(place, place) for c in own if isinstance(place := c.magnification, int)]


def _value(
    cell: PublishedCell, columns: Sequence[Column], row: Candidate, material: Material
) -> OurValue | Absence:
    metric, part = cell.metric or "", cell.part or "test"
    found = _measured(row, columns, material.values.get((metric, part), {}), metric)
    lacking = [
        column.label for column, one in zip(columns, found, strict=True) if one.summary is None
    ]
    if columns and len(lacking) == len(columns):
        return _absence(row, columns[0], found[0], f"{metric} on {part}")
    if lacking or not columns:
        return Absence(
            "incomplete", f"a mean needs every column: no value at {', '.join(lacking) or 'all'}"
        )
    value = _mean(found) if cell.magnification == "mean" else _single(found[0])
    return replace(
        value,
        splits=splits_of(row.group, columns, value.folds),
        ratios=ratios_of(row.group, columns, value.folds),
    )


def _alike(other: PublishedCell, cell: PublishedCell) -> bool:
    """Whether two cells of a row are of the same metric: the Mean is over these."""
    names = ("dataset", "metric", "part", "experiment", "encoder", "label_fraction", "adaptation")
    return all(getattr(other, name) == getattr(cell, name) for name in names)


def _measured(
    row: Candidate, columns: Sequence[Column], values: Values, metric: str
) -> list[_Measured]:
    described = Metric(metric, metric, metric, "item")
    torn = _torn(row.group)
    found = []
    for entry in table_row(row.group, columns, values, described).entries:
        folds = seeds_averaged(entry.values)
        usable = folds and not entry.problem and not torn & folds.keys()
        summary = over_folds(list(folds.values()), unit="fold") if usable else None
        found.append(_Measured(entry, summary))
    return found


def _torn(group: RowGroup) -> set[Place]:
    """Return the folds whose finished cells were not split in one way: they are never averaged."""
    hashes: dict[Place, set[str]] = defaultdict(set)
    for cell in group.cells:
        if cell.state == "done" and cell.split_hash is not None:
            hashes[cell.unit.split_seed, cell.unit.fold].add(cell.split_hash)
    return {place for place, found in hashes.items() if len(found) > 1}


def _single(measured: _Measured) -> OurValue:
    entry = measured.entry
    summary = over_folds(list(seeds_averaged(entry.values).values()), unit="fold")
    return OurValue(
        mean=summary.mean,
        sd=summary.sd,
        folds=seeds_averaged(entry.values),
        planned=_folds_planned([entry]),
        runs=len(entry.values),
        planned_runs=len(entry.planned),
        units=entry.values,
    )


def _mean(found: Sequence[_Measured]) -> OurValue:
    summaries = [one.summary for one in found if one.summary is not None]
    column = mean_of_columns(summaries)
    entries = [one.entry for one in found]
    units = mean_over_columns(entries)
    folds = seeds_averaged(units)
    spread = over_folds(list(folds.values()), unit="fold").sd if folds else None
    return OurValue(
        mean=column.mean_of_means,
        sd=column.mean_of_sds,
        folds=folds,
        planned=_folds_planned(entries),
        runs=sum(len(entry.values) for entry in entries),
        planned_runs=sum(len(entry.planned) for entry in entries),
        spread=spread,
        is_mean=True,
        units=units,
    )


def _folds_planned(entries: Sequence[Entry]) -> int:
    return len({(unit.split_seed, unit.fold) for entry in entries for unit in entry.planned})


def _absence(row: Candidate, column: Column, measured: _Measured, what: str) -> Absence:
    entry = measured.entry
    cells = [c for c in row.group.cells if c.train_magnification == column.train]
    if not cells:
        return Absence("not planned", f"the runs have no cell trained at {column.label}")
    if entry.problem:
        return Absence("set aside", entry.problem)
    torn = _torn(row.group) & seeds_averaged(entry.values).keys()
    if torn:
        folds = ", ".join(str(fold) for _, fold in sorted(torn))
        return Absence("refused", f"fold {folds}: its cells were split in more than one way")
    return _unfinished(row, cells) or Absence(
        "no value", f"{counted(len(cells), 'finished cell')} without {what} part"
    )


def _unfinished(row: Candidate, cells: Sequence[CellRecord]) -> Absence | None:
    if any(cell.state == "done" for cell in cells):
        return None
    failed = next((cell for cell in cells if cell.state == "failed"), None)
    if failed is not None:
        return Absence("failed", failed.reason or "it failed")
    if all(cell.cell_id in row.blocked for cell in cells):
        names = " ".join(row.protocols)
        return Absence(
            "blocked", f"data or weights are not on this machine: `mpcs-bench plan {names}`"
        )
    states = ", ".join(dict.fromkeys(cell.state for cell in cells))
    return Absence("no result", f"{counted(len(cells), 'cell')} without a result: {states}")
