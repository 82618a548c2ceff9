"""Make a split: k folds by groups, the data set's published folds, or a file (Section 4.4)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.official import official_parts
from mpcs_bench.data.splitfile import read_split_file
from mpcs_bench.data.splits import NO_PART, PART_CODES, PARTS, PartArray, SplitPart, SplitTable
from mpcs_bench.data.stratify import Groups, deal, groups_of
from mpcs_bench.errors import SplitError
from mpcs_bench.protocol.schema import Split
from mpcs_bench.registry.dataset import Dataset


def make_split(
    index: SampleIndex, settings: Split, dataset: Dataset, root: Path, split_seed: int
) -> SplitTable:
    """Return the split of `index` that a protocol's settings describe.

    kfold: in fold k test is fold k, label is fold k + 1, ssl the rest. official: test as
    published; the published training side is divided into label and ssl, 1 to 3, by groups,
    stratified and seeded. file: as written. `split_seed` is the root seed: the axis of the cell,
    whose default is `settings.seed`.

    Raises SplitError where a class has fewer groups than there are folds, where a part, or a
    class in a part, is empty, and for a bad split file; DataError for an unknown group column
    and for published folds that are not there.
    """
    column = index.group_column(settings.group)
    if settings.scheme == "kfold":
        groups = groups_of(index, np.arange(len(index)), column, settings.stratify)
        _check_group_numbers(index, groups, settings.folds, column)
        placed = deal(groups, settings.folds, split_seed, "split", "kfold")[groups.codes]
        folds = tuple(range(settings.folds))
        table = SplitTable.of(index, folds, _kfold_parts(placed, settings.folds), column)
        _check_parts(index, table, PARTS)
        return table
    if settings.scheme == "official":
        folds, parts, notes = official_parts(
            index, dataset, root, column=column, stratify=settings.stratify, seed=split_seed
        )
        table = SplitTable.of(index, folds, parts, column, notes)
        _check_parts(index, table, PARTS)
        return table
    assert settings.file is not None  # the schema sees to it
    folds, parts = read_split_file(Path(settings.file), index)
    table = SplitTable.of(index, folds, parts, column, _unused(parts))
    _check_parts(index, table, ("label",))
    _check_not_empty(table, _parts_of_file(parts))
    return table


def _kfold_parts(placed: np.ndarray[tuple[int], np.dtype[np.int64]], folds: int) -> PartArray:
    parts = np.full((folds, len(placed)), PART_CODES["ssl"], dtype=np.uint8)
    for k in range(folds):
        parts[k, placed == (k + 1) % folds] = PART_CODES["label"]
        parts[k, placed == k] = PART_CODES["test"]
    return parts


def _check_group_numbers(index: SampleIndex, groups: Groups, folds: int, column: str) -> None:
    for number, label in enumerate(index.dataset.classes):
        having = int((groups.images[:, number] > 0).sum())
        if having < folds:
            raise SplitError(
                f"Class '{label}' of data set '{index.dataset.name}' has {having} groups "
                f"({column}), fewer than the {folds} folds.",
                hint="Use fewer folds, or a finer group.",
            )


def _parts_of_file(parts: PartArray) -> tuple[SplitPart, ...]:
    """Return the parts that every fold of a file must have: test, and ssl if any fold has it."""
    with_ssl = bool((parts == PART_CODES["ssl"]).any())
    return ("ssl", "test") if with_ssl else ("test",)


def _check_parts(index: SampleIndex, table: SplitTable, wanted: tuple[SplitPart, ...]) -> None:
    """Raise SplitError where a part, or a class in it, is empty."""
    _check_not_empty(table, wanted)
    labels = index.number("label_index")
    for fold in table.folds:
        for part in wanted:
            there = np.unique(labels[table.rows(fold, part)])
            for number, label in enumerate(index.dataset.classes):
                if number not in there:
                    raise SplitError(
                        f"Fold {fold}: part '{part}' has no sample of class '{label}'.",
                        hint="Use fewer folds, a finer group, or another split seed.",
                    )


def _check_not_empty(table: SplitTable, wanted: tuple[SplitPart, ...]) -> None:
    for fold in table.folds:
        for part in wanted:
            if not len(table.rows(fold, part)):
                hint = "With fewer than three folds nothing is left for part 'ssl'."
                raise SplitError(
                    f"Fold {fold}: part '{part}' is empty.", hint=hint if part == "ssl" else None
                )


def _unused(parts: PartArray) -> tuple[str, ...]:
    unused = int((parts == NO_PART).all(axis=0).sum())
    return (f"{unused} samples are not named in the split file and take no part",) * (unused > 0)
