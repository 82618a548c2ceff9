"""The split table: which part every sample belongs to in every fold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.stored_frame import read_frame, write_frame
from mpcs_bench.errors import DataError, SplitError

IntArray = npt.NDArray[np.int64]
PartArray = npt.NDArray[np.uint8]
SplitPart = Literal["ssl", "label", "test"]

PARTS: tuple[SplitPart, ...] = ("ssl", "label", "test")
NO_PART = 0
PART_CODES: dict[SplitPart, int] = {part: code for code, part in enumerate(PARTS, start=1)}
METADATA_KEY = b"mpcs_bench.split"


@dataclass(frozen=True, slots=True, eq=False)
class SplitTable:
    """The part of each of n samples in each of K folds; rows are those of the sample index.

    `folds` [K] are the folds' numbers (from 0; an official or a file split keeps its own),
    `parts` [K, n] holds `PART_CODES` or 0 for a sample that takes no part in the fold.
    `group_column` is what the split may not tear apart, `group_ids` [n] its values. `notes` say
    what a reader of the results should know. `hash` changes with any sample's part, and with the
    group column (it decides n_test / n_train); not with row order, file names or unused samples.
    """

    sample_ids: npt.NDArray[np.object_]
    folds: tuple[int, ...]
    parts: PartArray
    group_column: str
    group_ids: npt.NDArray[np.object_]
    hash: str
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        index: SampleIndex,
        folds: tuple[int, ...],
        parts: PartArray,
        group_column: str | None,
        notes: tuple[str, ...] = (),
    ) -> SplitTable:
        """Return the table of `parts` [K, n] over the rows of `index`."""
        column = index.group_column(group_column)
        ids = index.text("sample_id")
        hashes = [_fold_hash(ids, fold, parts[k]) for k, fold in enumerate(folds)]
        whole = hashlib.sha256("|".join([column, *hashes]).encode()).hexdigest()
        return cls(ids, folds, parts, column, index.groups(column), whole, notes)

    def position(self, fold: int) -> int:
        """Return the row of `parts` that holds fold number `fold`; raises SplitError."""
        try:
            return self.folds.index(fold)
        except ValueError:
            known = ", ".join(map(str, self.folds))
            raise SplitError(f"The split has no fold {fold} (its folds: {known}).") from None

    def rows(self, fold: int, part: SplitPart) -> IntArray:
        """Return the rows of the index that form a part, ascending."""
        return np.flatnonzero(self.parts[self.position(fold)] == PART_CODES[part])

    def groups(self, fold: int, part: SplitPart) -> int:
        """Return how many groups have samples in a part."""
        return len(set(self.group_ids[self.rows(fold, part)].tolist()))

    def fold_hash(self, fold: int) -> str:
        """Return the digest of one fold alone: adding folds does not change it."""
        return _fold_hash(self.sample_ids, fold, self.parts[self.position(fold)])

    def check(self, index: SampleIndex) -> None:
        """Raise SplitError unless the table's rows are those of `index`."""
        if not np.array_equal(self.sample_ids, index.text("sample_id")):
            raise SplitError(
                f"The split is not of this sample index ({len(self.sample_ids)} samples against "
                f"{len(index)} of data set '{index.dataset.name}').",
                hint="The data changed since the split was made: run again.",
            )

    def write(self, cache: Path) -> Path:
        """Write `cache/splits/<hash>.parquet`; raises DataError on a full disk."""
        path = _file(cache, self.hash)
        columns = {f"fold_{fold}": self.parts[k] for k, fold in enumerate(self.folds)}
        frame = pd.DataFrame({"sample_id": self.sample_ids, "group_id": self.group_ids, **columns})
        facts = {
            "hash": self.hash,
            "folds": self.folds,
            "group_column": self.group_column,
            "notes": self.notes,
        }
        write_frame(path, frame, METADATA_KEY, facts)
        return path

    @classmethod
    def read(cls, cache: Path, split_hash: str) -> SplitTable:
        """Read the table with this hash; raises DataError where it is missing or damaged."""
        path = _file(cache, split_hash)
        try:
            return cls._from_stored(*read_frame(path, METADATA_KEY))
        except (OSError, EOFError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise DataError(
                f"The split is missing or damaged: {path}",
                hint="Run again: the split is made anew.",
            ) from error

    @classmethod
    def _from_stored(cls, frame: pd.DataFrame, facts: Mapping[str, Any]) -> SplitTable:
        folds = tuple(int(fold) for fold in facts["folds"])
        return cls(
            sample_ids=frame["sample_id"].to_numpy(dtype=object),
            folds=folds,
            parts=np.stack([frame[f"fold_{fold}"].to_numpy(dtype=np.uint8) for fold in folds]),
            group_column=facts["group_column"],
            group_ids=frame["group_id"].to_numpy(dtype=object),
            hash=facts["hash"],
            notes=tuple(facts["notes"]),
        )


EXPORTED = ("patient_id", "image_id", "sample_id", "path", "pixel_hash")


def export_split(table: SplitTable, index: SampleIndex) -> pd.DataFrame:
    """Return one row per fold and sample that takes part.

    Columns: dataset (its plugin's name), fold, part, patient_id, image_id, sample_id, path and
    pixel_hash (of the decoded image: it finds an image whose name differs). Written as CSV, it is
    a split file that gives the same split (scheme `file`).
    """
    table.check(index)
    names = np.array(["", *PARTS], dtype=object)
    frames = []
    for k, fold in enumerate(table.folds):
        rows = np.flatnonzero(table.parts[k] != NO_PART)
        chosen = index.frame.loc[rows, list(EXPORTED)]
        chosen.insert(0, "part", names[table.parts[k][rows]])
        chosen.insert(0, "fold", fold)
        chosen.insert(0, "dataset", index.dataset.name)
        frames.append(chosen)
    return pd.concat(frames, ignore_index=True)


def _file(cache: Path, split_hash: str) -> Path:
    return cache / "splits" / f"{split_hash}.parquet"


def _fold_hash(ids: npt.NDArray[np.object_], fold: int, parts: PartArray) -> str:
    rows = np.flatnonzero(parts != NO_PART)
    order = rows[np.argsort(ids[rows].astype(str), kind="stable")]
    state = hashlib.sha256(f"fold {fold}\n".encode())
    state.update("\n".join(json.dumps(name) for name in ids[order].tolist()).encode())
    state.update(parts[order].astype(np.uint8).tobytes())
    return state.hexdigest()
