"""How each fold behind a value was split: what a test of two values must know."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from mpcs_bench.report.comparing import FoldOf
from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.model import Column
from mpcs_bench.report.source import CellRecord


def splits_of(
    group: RowGroup, columns: Sequence[Column], folds: Collection[FoldOf]
) -> dict[FoldOf, frozenset[str]]:
    """Return the hashes of each fold's splits at `columns`; none where a cell does not know it."""
    found = {}
    for fold in folds:
        hashes = [cell.split_hash for cell in _cells(group, columns, fold)]
        if hashes and None not in hashes:
            found[fold] = frozenset(name for name in hashes if name is not None)
    return found


def ratios_of(
    group: RowGroup, columns: Sequence[Column], folds: Collection[FoldOf]
) -> dict[FoldOf, float]:
    """Return each fold's n_test/n_train in groups, averaged over `columns`; none where unknown."""
    found = {}
    for fold in folds:
        cells = list(_cells(group, columns, fold))
        ratios = [c.groups_test / c.groups_train for c in cells if c.groups_test and c.groups_train]
        if cells and len(ratios) == len(cells):
            found[fold] = sum(ratios) / len(ratios)
    return found


def _cells(group: RowGroup, columns: Sequence[Column], fold: FoldOf) -> Iterator[CellRecord]:
    trains = {column.train for column in columns}
    for cell in group.cells:
        place = cell.unit.split_seed, cell.unit.fold
        if place == fold and cell.train_magnification in trains and cell.state == "done":
            yield cell
