"""A split written by hand: CSV with columns fold, part and sample_id or patient_id."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.splits import NO_PART, PART_CODES, PARTS, PartArray
from mpcs_bench.errors import Location, SplitError, did_you_mean

IDS = ("sample_id", "patient_id")


def read_split_file(file: Path, index: SampleIndex) -> tuple[tuple[int, ...], PartArray]:
    """Return the folds' numbers and the parts [K, n] that `file` gives the samples of `index`.

    Where both columns are there, `sample_id` counts. Samples that no line names take no part.
    Raises SplitError, with the line, for a missing column, a bad fold or part, an id that the
    index does not have, and an id named twice in a fold.
    """
    where = Location(str(file))
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            header = [name.strip() for name in next(reader, [])]
            lines = [(reader.line_num, line) for line in reader if any(map(str.strip, line))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SplitError(f"The split file cannot be read: {error}", location=where) from error
    key = _id_column(header, where)
    rows_of = _rows_by_id(index, key)
    columns = tuple(header.index(name) for name in ("fold", "part", key))
    parts: dict[int, PartArray] = {}
    for number, line in lines:
        at = Location(str(file), number)
        if len(line) != len(header):
            raise SplitError(f"{len(line)} values for {len(header)} columns.", location=at)
        fold_text, part_text, name = (line[column].strip() for column in columns)
        fold, code = _fold(fold_text, at), _part(part_text, at)
        if name not in rows_of:
            raise SplitError(
                f"{key} '{name}' is not in data set '{index.dataset.name}'."
                + did_you_mean(name, list(rows_of)),
                location=at,
            )
        if fold not in parts:
            parts[fold] = np.full(len(index), NO_PART, dtype=np.uint8)
        rows = rows_of[name]
        if (parts[fold][rows] != NO_PART).any():
            raise SplitError(f"{key} '{name}' is named twice in fold {fold}.", location=at)
        parts[fold][rows] = code
    if not parts:
        raise SplitError("The split file names no sample.", location=where)
    folds = tuple(sorted(parts))
    return folds, np.stack([parts[fold] for fold in folds])


def _id_column(header: list[str], where: Location) -> str:
    missing = [name for name in ("fold", "part") if name not in header]
    key = next((name for name in IDS if name in header), None)
    if key is None:
        missing.append("sample_id or patient_id")
    if key is None or missing:
        raise SplitError(
            f"The split file has no column {', '.join(missing)} "
            f"(its columns: {', '.join(header) or 'none'}).",
            hint="Its first line must be: fold,part,sample_id (or patient_id).",
            location=where,
        )
    return key


def _rows_by_id(index: SampleIndex, key: str) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(index.text(key).tolist()):
        rows.setdefault(name, []).append(row)
    return rows


def _fold(text: str, at: Location) -> int:
    if not (text.isascii() and text.isdigit()):
        raise SplitError(f"fold '{text}' is not a whole number, 0 or more.", location=at)
    return int(text)


def _part(text: str, at: Location) -> int:
    for part, code in PART_CODES.items():
        if text == part:
            return code
    raise SplitError(
        f"part '{text}' is none of {', '.join(PARTS)}." + did_you_mean(text, list(PARTS)),
        location=at,
    )
