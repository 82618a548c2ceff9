"""A split as a file: CSV with fold, part and what names a sample; one file serves several sets."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.splits import NO_PART, PART_CODES, PARTS, PartArray
from mpcs_bench.errors import Location, SplitError, did_you_mean

IDS = ("pixel_hash", "sample_id", "patient_id")
"""Columns that name samples; without either of the first two a patient stands for its samples."""


def read_split_file(file: Path, index: SampleIndex) -> tuple[tuple[int, ...], PartArray]:
    """Return the folds' numbers and the parts [K, n] that `file` gives the samples of `index`.

    A line means the samples with its `pixel_hash`, whatever they are called: the one with its
    `sample_id` among them, else all (the patches of an image). Without that column it means its
    `sample_id`, and without both its `patient_id`. Where there is a column `dataset`, only lines
    that name the index's data set count. Samples that no line names take no part.

    Raises SplitError, with the line, for a missing column, a bad fold or part, and a sample that
    stands twice in a fold; and, counting them, for names that the index does not have.
    """
    where = Location(str(file))
    header, lines = _read(file, where)
    keys = _id_columns(header, where)
    naming = _Naming(index, keys)
    parts: dict[int, PartArray] = {}
    for number, line in _lines_of(header, lines, index, where):
        at = Location(str(file), number)
        fold, code = _fold(line["fold"], at), _part(line["part"], at)
        if fold not in parts:
            parts[fold] = np.full(len(index), NO_PART, dtype=np.uint8)
        rows = naming.rows(fold, line, at)
        taken = parts[fold][rows]
        if ((taken != NO_PART) & (taken != code)).any():
            name = _first(index, rows, taken, code)
            raise SplitError(f"'{name}' is given two parts in fold {fold}.", location=at)
        parts[fold][rows] = code
    naming.refuse_unknown()
    if not parts:
        raise SplitError("The split file names no sample.", location=where)
    folds = tuple(sorted(parts))
    return folds, np.stack([parts[fold] for fold in folds])


@dataclass(slots=True)
class _Naming:
    """Finds the rows that lines mean; remembers names that mean none, and what was named."""

    index: SampleIndex
    keys: tuple[str, ...]
    tables: dict[str, dict[str, list[int]]] = field(init=False)
    unknown: dict[tuple[str, str], Location] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    named: set[tuple[int, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tables = {key: _rows_by(self.index, key) for key in self.keys}

    def rows(self, fold: int, line: Mapping[str, str], at: Location) -> list[int]:
        """Return the rows of one line; none for an unknown name. Raises SplitError."""
        key = next((key for key in self.keys if line[key]), self.keys[-1])
        name = line[key]
        rows = self.tables[key].get(name)
        if rows is None:
            self.unknown.setdefault((key, name), at)
            return []
        self.known.add(name)
        if key == "pixel_hash":
            # Equal pixels under two names are two samples, and so are the patches of an image.
            key, name = self.keys[-1], line[self.keys[-1]]
            same = set(self.tables[key].get(name, ())) & set(rows)
            if key == "pixel_hash" or not same:
                return rows
            rows = sorted(same)
        if (fold, name) in self.named:
            raise SplitError(f"{key} '{name}' is named twice in fold {fold}.", location=at)
        self.named.add((fold, name))
        return rows

    def refuse_unknown(self) -> None:
        """Raise SplitError where names of the file are not in the data, counting them."""
        if not self.unknown:
            return
        (key, name), at = next(iter(self.unknown.items()))
        count, whole = len(self.unknown), len(self.unknown) + len(self.known)
        what = f"{key} '{name}' is"
        if count > 1:
            named = f"{count} of {whole} samples that the split file names"
            what = f"{named}, first {key} '{name}', are"
        hint = "Give the data that the split was made of, or a split of these."
        if key == "pixel_hash" and len(self.keys) > 1:
            hint += " To go by names alone, take the column pixel_hash out of the file."
        near = "" if key == "pixel_hash" else did_you_mean(name, list(self.tables[key]))
        raise SplitError(
            f"{what} not in data set '{self.index.dataset.name}'.{near}", hint=hint, location=at
        )


def _read(file: Path, where: Location) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and the lines that are not blank, with their numbers."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            header = [name.strip() for name in next(reader, [])]
            return header, [(reader.line_num, line) for line in reader if any(map(str.strip, line))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SplitError(f"The split file cannot be read: {error}", location=where) from error


def _lines_of(
    header: list[str], lines: Sequence[tuple[int, list[str]]], index: SampleIndex, where: Location
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield number and values by column of the lines of the index's data set."""
    own, named = index.dataset.name, set()
    for number, line in lines:
        if len(line) != len(header):
            at = Location(where.file, number)
            raise SplitError(f"{len(line)} values for {len(header)} columns.", location=at)
        values = dict(zip(header, map(str.strip, line), strict=True))
        if values.get("dataset", own) == own:
            named.add(own)
            yield number, values
        else:
            named.add(values["dataset"])
    if named and own not in named:
        raise SplitError(
            f"The split file names no sample of data set '{own}' "
            f"(its data sets: {', '.join(sorted(named))}).",
            location=where,
        )


def _id_columns(header: list[str], where: Location) -> tuple[str, ...]:
    """Return the columns that name samples: pixels and sample, one of them, or the patient."""
    missing = [name for name in ("fold", "part") if name not in header]
    keys = tuple(name for name in IDS if name in header)
    if not keys:
        missing.append("sample_id, pixel_hash or patient_id")
    if missing:
        raise SplitError(
            f"The split file has no column {', '.join(missing)} "
            f"(its columns: {', '.join(header) or 'none'}).",
            hint="Its first line must be: fold,part,sample_id (or pixel_hash, or patient_id).",
            location=where,
        )
    return keys if keys == ("patient_id",) else tuple(name for name in keys if name in IDS[:2])


def _rows_by(index: SampleIndex, key: str) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(index.text(key).tolist()):
        rows.setdefault(name, []).append(row)
    return rows


def _first(index: SampleIndex, rows: list[int], taken: PartArray, code: int) -> str:
    clash = next(row for row, had in zip(rows, taken, strict=True) if had not in (NO_PART, code))
    return str(index.text("sample_id")[clash])


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
