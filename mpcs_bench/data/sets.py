"""The sets X(i) of Section 3.2: which images show the same tissue at which magnification."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mpcs_bench.data.index import GROUP_PREFIX, SampleIndex
from mpcs_bench.errors import DataError
from mpcs_bench.registry.strategy import ImageSets, PairStrategy

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SetCoverage:
    """Which sets take part in pre-training, and why the others do not.

    `left_out` counts sets by reason; `patients` take part with one set or more,
    `patients_left_out` with none.
    """

    sets: int
    eligible: int
    left_out: Mapping[str, int]
    patients: tuple[str, ...]
    patients_left_out: tuple[str, ...]


def image_sets(
    index: SampleIndex,
    rows: IntArray,
    magnifications: Sequence[int],
    by: Literal["sequence", "number", "patient"] = "sequence",
) -> ImageSets:
    """Return the sets that the images of `rows` form at `magnifications`.

    by `sequence`: one set per (subtype, patient, sequence number), as the paper pairs images; by
    `number`: one per (patient number, sequence number), whatever the tumour type; by `patient`:
    one per (subtype, patient), with several images at a magnification. Columns follow
    `magnifications`; images at others are no part of it. Sets and members are in index order.

    Raises DataError where no row has one of the magnifications, where images have no sequence
    number, or the data set no patient numbers, to be matched by.
    """
    rows = np.sort(np.asarray(rows, dtype=np.int64))
    magnification = index.number("magnification")[rows]
    column = _positions(magnification, magnifications)
    rows, column = rows[column >= 0], column[column >= 0]
    if not len(rows):
        listed = ", ".join(f"{m}X" for m in magnifications) or "none"
        raise DataError(
            f"Data set '{index.dataset.name}': no image at the magnifications wanted ({listed}).",
            hint="Pairs are made across magnifications: use a data set that has them.",
        )
    keys = {
        "sequence": ["subtype", "patient_id", "sequence"],
        "number": [GROUP_PREFIX + "patient_number", "sequence"],
        "patient": ["subtype", "patient_id"],
    }[by]
    if by == "number":
        index.group_column("patient_number")
    if by != "patient":
        _check_sequences(index, rows)
    frame = index.frame.loc[rows, keys]
    # numbered in order of appearance, which is index order
    number = frame.groupby(keys, sort=False, observed=True).ngroup().to_numpy(dtype=np.int64)
    first = np.unique(number, return_index=True)[1]
    order = np.lexsort((rows, column, number))
    width = len(magnifications)
    per_cell = np.bincount(number * width + column, minlength=len(first) * width)
    ends = np.concatenate([[0], np.cumsum(per_cell)]).astype(np.int64)
    starts = np.arange(len(first), dtype=np.int64)[:, None] * width
    parts = frame.iloc[first]
    return ImageSets(
        ids=tuple("/".join(parts_of) for parts_of in parts.itertuples(index=False, name=None)),
        patient_ids=tuple(index.text("patient_id")[rows[first]]),
        magnifications=tuple(int(m) for m in magnifications),
        offsets=ends[starts + np.arange(width + 1)],
        members=rows[order],
    )


def eligible_sets(
    sets: ImageSets, strategy: PairStrategy, require: Literal["complete", "strategy"]
) -> tuple[ImageSets, SetCoverage]:
    """Return the sets that `strategy` can draw from, and what is left out and why.

    `require` complete keeps only sets with images at every magnification (and that the strategy
    accepts); `strategy` keeps what the strategy accepts. Raises DataError where none is left.
    """
    available = sets.available
    accepted = np.asarray(strategy.eligible(available, sets.magnifications), dtype=np.bool_)
    complete = (available > 0).all(axis=1)
    keep = accepted & complete if require == "complete" else accepted
    left_out = Counter(
        _reason(row, sets.magnifications, strategy.name, incomplete=require == "complete")
        for row in (available[~keep] > 0).tolist()
    )
    chosen = sets.subset(keep)
    taking_part = set(chosen.patient_ids)
    coverage = SetCoverage(
        sets=len(sets),
        eligible=len(chosen),
        left_out=dict(sorted(left_out.items())),
        patients=tuple(sorted(taking_part)),
        patients_left_out=tuple(sorted(set(sets.patient_ids) - taking_part)),
    )
    if not len(chosen):
        reasons = "; ".join(f"{reason}: {count}" for reason, count in coverage.left_out.items())
        raise DataError(
            f"None of {len(sets)} sets can take part in pre-training ({reasons}).",
            hint="Set `pretraining.sets.require` to strategy, or fewer magnifications.",
        )
    return chosen, coverage


def _positions(values: IntArray, magnifications: Sequence[int]) -> IntArray:
    """Return the column of each magnification, -1 where it is none of them."""
    column = np.full(len(values), -1, dtype=np.int64)
    for position, magnification in enumerate(magnifications):
        column[values == magnification] = position
    return column


def _check_sequences(index: SampleIndex, rows: IntArray) -> None:
    bare = rows[index.text("sequence")[rows] == ""]
    if len(bare):
        example = index.text("sample_id")[bare[0]]
        raise DataError(
            f"Data set '{index.dataset.name}': {len(bare)} images have no sequence number "
            f"to match magnifications by (such as {example}).",
            hint="Use `sets: {by: patient}`.",
        )


def _reason(
    present: list[bool], magnifications: tuple[int, ...], strategy: str, *, incomplete: bool
) -> str:
    missing = [f"{m}X" for m, there in zip(magnifications, present, strict=True) if not there]
    if missing and incomplete:
        return f"no image at {', '.join(missing)}"
    there = [f"{m}X" for m, has in zip(magnifications, present, strict=True) if has]
    return f"strategy '{strategy}' cannot draw from {', '.join(there)} alone"
