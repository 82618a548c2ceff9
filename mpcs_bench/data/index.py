"""The sample index: one row a sample, and the fingerprint of everything that decides numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mpcs_bench.data.stored_frame import read_frame, write_frame
from mpcs_bench.errors import DataError, PluginError, did_you_mean
from mpcs_bench.registry.dataset import Dataset, Unreadable

IntArray = npt.NDArray[np.int64]
StrArray = npt.NDArray[np.object_]

GROUP_PREFIX = "group_"
TEXT_COLUMNS = ("sample_id", "label", "subtype", "patient_id", "sequence", "image_id")
NUMBER_COLUMNS = ("label_index", "magnification", "patch_index", "box_x", "box_y", "box_w", "box_h")
# known only once the image is decoded; width and height follow from the pixel hash
PIXEL_COLUMNS = ("pixel_hash",)
METADATA_KEY = b"mpcs_bench.index"
_DAMAGED = (OSError, EOFError, KeyError, TypeError, ValueError, pa.ArrowException)


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What the rest of the harness needs to know of the data set that an index came from."""

    name: str
    version: str
    params: dict[str, Any]
    classes: tuple[str, ...]
    magnifications: tuple[int, ...]
    group_columns: tuple[str, ...]
    default_group: str
    metric_levels: tuple[str, ...]

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> DatasetFacts:
        """Return the facts that were written as JSON, which turns tuples into lists."""
        values = {name: tuple(v) if isinstance(v, list) else v for name, v in stored.items()}
        return cls(**cast("Any", values))

    @classmethod
    def of(cls, dataset: Dataset) -> DatasetFacts:
        """Return the facts of a data set plugin."""
        return cls(
            name=dataset.name,
            version=dataset.version,
            params=dataset.params.model_dump(mode="json"),
            classes=tuple(dataset.classes),
            magnifications=tuple(dataset.magnifications),
            group_columns=tuple(dataset.group_columns),
            default_group=dataset.default_group,
            metric_levels=tuple(dataset.metric_levels),
        )


@dataclass(frozen=True, slots=True, eq=False)
class SampleIndex:
    """One row a sample, sorted by `sample_id`; rows are numbered from 0.

    Columns: sample_id, path (relative to the root), label, label_index, subtype, patient_id,
    `group_<name>` for each group column, magnification (0: none), sequence ('': none), image_id,
    patch_index, box_x, box_y, box_w, box_h (pixels; the whole image where the sample is one),
    width, height (of the stored image), pixel_hash (of the whole stored image).

    `fingerprint` changes with everything that can change a number: ids, labels, groups,
    magnifications, boxes, pixels, and the data set's name, classes, magnifications, metric levels
    and default group; not with its version or parameters, the root, file names or modification
    times.
    `rejected` are files under the root that the data set could not place.
    """

    frame: pd.DataFrame
    dataset: DatasetFacts
    fingerprint: str
    rejected: tuple[Unreadable, ...] = ()

    @classmethod
    def of(
        cls, frame: pd.DataFrame, dataset: DatasetFacts, rejected: tuple[Unreadable, ...] = ()
    ) -> SampleIndex:
        """Sort, check and fingerprint `frame`.

        Raises PluginError where the data set broke its contract: a sample id that stands twice,
        a label that is none of its classes, a group column that is missing.
        """
        frame = frame.sort_values("sample_id", kind="stable", ignore_index=True)
        _check(frame, dataset)
        return cls(frame, dataset, _fingerprint(frame, dataset), rejected)

    def __len__(self) -> int:
        return len(self.frame)

    def text(self, column: str) -> StrArray:
        """Return a text column as an array of str."""
        values: StrArray = self.frame[column].to_numpy(dtype=object)
        return values

    def number(self, column: str) -> IntArray:
        """Return a number column as int64."""
        values: IntArray = self.frame[column].to_numpy(dtype=np.int64)
        return values

    def group_column(self, name: str | None) -> str:
        """Return the name of a group column, the data set's default for None.

        Raises DataError for a column that the data set does not have.
        """
        name = self.dataset.default_group if name is None else name
        known = list(self.dataset.group_columns)
        if name not in known:
            raise DataError(
                f"The data set '{self.dataset.name}' has no group column '{name}'."
                + did_you_mean(name, known),
                hint=f"Its group columns: {', '.join(known)}.",
            )
        return name

    def groups(self, name: str | None = None) -> StrArray:
        """Return the group of each row in group column `name` (None: the default)."""
        return self.text(GROUP_PREFIX + self.group_column(name))

    def write(self, cache: Path) -> Path:
        """Write `cache/index/<fingerprint>.parquet`; raises DataError on a full disk."""
        path = _file(cache, self.fingerprint)
        facts = {
            "dataset": asdict(self.dataset),
            "rejected": [asdict(item) for item in self.rejected],
        }
        write_frame(path, self.frame, METADATA_KEY, facts)
        return path

    @classmethod
    def read(cls, cache: Path, fingerprint: str) -> SampleIndex:
        """Read the index with this fingerprint; raises DataError where missing or damaged."""
        path = _file(cache, fingerprint)
        hint = "Run `mpcs-bench data prepare` again: it makes the index anew."
        try:
            frame, facts = read_frame(path, METADATA_KEY)
            dataset = DatasetFacts.from_stored(facts["dataset"])
            rejected = tuple(Unreadable(**item) for item in facts["rejected"])
            index = cls.of(frame, dataset, rejected)
        except (*_DAMAGED, PluginError) as error:  # what was written kept the contract
            message = f"The sample index is missing or damaged: {path}"
            raise DataError(message, hint=hint) from error
        if index.fingerprint != fingerprint:
            raise DataError(f"The sample index was changed by hand: {path}", hint=hint)
        return index


def _file(cache: Path, fingerprint: str) -> Path:
    return cache / "index" / f"{fingerprint}.parquet"


def _check(frame: pd.DataFrame, dataset: DatasetFacts) -> None:
    columns = [*TEXT_COLUMNS, *NUMBER_COLUMNS, *PIXEL_COLUMNS, "path", "width", "height"]
    columns += [GROUP_PREFIX + name for name in dataset.group_columns]
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise PluginError(f"Data set '{dataset.name}': no column {', '.join(missing)}.")
    if dataset.default_group not in dataset.group_columns:
        raise PluginError(
            f"Data set '{dataset.name}': default_group '{dataset.default_group}' is none of its "
            f"group_columns {', '.join(dataset.group_columns)}."
        )
    twice = frame["sample_id"].duplicated()
    if twice.any():
        first = frame.loc[twice, "sample_id"].iloc[0]
        raise PluginError(
            f"Data set '{dataset.name}': sample id '{first}' stands twice "
            f"({int(twice.sum())} ids repeat)."
        )
    unknown = ~frame["label"].isin(dataset.classes)
    if unknown.any():
        row = frame.loc[unknown].iloc[0]
        raise PluginError(
            f"Data set '{dataset.name}': label '{row['label']}' of sample '{row['sample_id']}' "
            f"is none of its classes {', '.join(dataset.classes)}."
        )


def _fingerprint(frame: pd.DataFrame, dataset: DatasetFacts) -> str:
    """Hash column by column: linear in rows, and no value can run into its neighbour."""
    state = hashlib.sha256()
    _hash_text(state, "name", [dataset.name])
    _hash_text(state, "classes", list(dataset.classes))
    _hash_text(state, "magnifications", list(map(str, dataset.magnifications)))
    _hash_text(state, "metric_levels", list(dataset.metric_levels))
    _hash_text(state, "default_group", [dataset.default_group])
    groups = sorted(GROUP_PREFIX + name for name in dataset.group_columns)
    for column in (*TEXT_COLUMNS, *groups, *PIXEL_COLUMNS):
        _hash_text(state, column, frame[column].tolist())
    for column in NUMBER_COLUMNS:
        state.update(column.encode())
        state.update(frame[column].to_numpy(dtype="<i8").tobytes())
    return state.hexdigest()


def _hash_text(state: hashlib._Hash, name: str, values: list[str]) -> None:
    encoded = [value.encode() for value in values]
    lengths = np.fromiter(map(len, encoded), dtype="<i8", count=len(encoded))
    state.update(name.encode())
    state.update(lengths.tobytes())
    state.update(b"".join(encoded))
