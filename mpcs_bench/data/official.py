"""A data set's published folds, which know only train and test."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.splits import NO_PART, PART_CODES, PartArray
from mpcs_bench.data.stratify import deal, groups_of
from mpcs_bench.errors import SplitError
from mpcs_bench.registry.dataset import Dataset

QUARTERS = 4  # label : ssl = 1 : 3, as in kfold with five folds


def official_parts(
    index: SampleIndex,
    dataset: Dataset,
    root: Path,
    *,
    column: str,
    stratify: Literal["subtype", "label"],
    seed: int,
) -> tuple[tuple[int, ...], PartArray, tuple[str, ...]]:
    """Return the folds' published numbers, the parts [K, n], and notes.

    test is as published. The groups of the training side are dealt into four stratified quarters
    by seed: one is label, three are ssl. Raises SplitError where no sample of a fold is there,
    DataError where the data set has no published folds.
    """
    published = dataset.official_folds(root)
    folds = tuple(sorted(published))
    ids = index.text("sample_id").tolist()
    parts = np.full((len(folds), len(ids)), NO_PART, dtype=np.uint8)
    known = set(ids)
    absent: set[str] = set()
    for k, fold in enumerate(folds):
        sides = published[fold]
        absent |= sides.keys() - known
        side = np.array([sides.get(name, "") for name in ids], dtype=object)
        parts[k, side == "test"] = PART_CODES["test"]
        training = np.flatnonzero(side == "train")
        if not len(training):
            raise SplitError(f"Official fold {fold}: none of its training samples is there.")
        groups = groups_of(index, training, column, stratify)
        quarter = deal(groups, QUARTERS, seed, "split", "official", f"fold={fold}")[groups.codes]
        parts[k, training] = np.where(quarter == 0, PART_CODES["label"], PART_CODES["ssl"])
    unused = int((parts == NO_PART).all(axis=0).sum())
    notes = []
    if absent:
        notes.append(f"{len(absent)} samples of the published folds are not in the data")
    if unused:
        notes.append(f"{unused} samples are in no published fold and take no part")
    return folds, parts, tuple(notes)
