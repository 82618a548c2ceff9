"""Audit rules about what a split leaves out: subtypes, classes, patients, samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.leakage import Finding
from mpcs_bench.data.splits import NO_PART, PART_CODES, SplitTable

IntArray = npt.NDArray[np.int64]


def coverage_findings(index: SampleIndex, table: SplitTable) -> Iterator[Finding]:
    """Yield the notices on rare subtypes, missing classes, test coverage and unused samples."""
    yield from _rare_subtypes(index, table)
    yield from _missing_classes(index, table)
    if len(table.folds) > 1:
        yield from _test_coverage(index, table)
    unused = np.flatnonzero((table.parts == NO_PART).all(axis=0))
    if len(unused):
        some = f"{len(unused)} of {len(index)} samples take no part in any fold"
        yield Finding("unused-samples", "notice", None, some)


def _rare_subtypes(index: SampleIndex, table: SplitTable) -> Iterator[Finding]:
    names, codes = np.unique(index.text("subtype").astype(str), return_inverse=True)
    missing = {name: _missing_from(table, codes, number) for number, name in enumerate(names)}
    patients = index.text("patient_id")
    for number, name in enumerate(names.tolist()):
        if not missing[name]:
            continue
        rows = codes == number
        many = len(set(patients[rows].tolist()))
        groups = len(set(table.group_ids[rows].tolist()))
        yield Finding(
            "rare-subtype",
            "notice",
            None,
            f"subtype {name} ({many} patients, {groups} groups) is missing from "
            + "; ".join(missing[name]),
            column="subtype",
            groups=(name,),
        )


def _missing_from(table: SplitTable, codes: IntArray, number: int) -> list[str]:
    """Return, part by part, the folds where a subtype is missing from a part that is there."""
    lines = []
    for part, code in PART_CODES.items():
        there = (table.parts == code).any(axis=1)
        has = (table.parts[:, codes == number] == code).any(axis=1)
        folds = [str(fold) for fold, lacks in zip(table.folds, there & ~has, strict=True) if lacks]
        if folds:
            lines.append(f"{part} in fold {', '.join(folds)}")
    return lines


def _missing_classes(index: SampleIndex, table: SplitTable) -> Iterator[Finding]:
    labels = index.number("label_index")
    for fold in table.folds:
        there = set(labels[table.rows(fold, "test")].tolist())
        lacks = tuple(c for i, c in enumerate(index.dataset.classes) if i not in there)
        if lacks:
            text = "the test part lacks a class"
            yield Finding("missing-class", "notice", fold, text, column="label", groups=lacks)


def _test_coverage(index: SampleIndex, table: SplitTable) -> Iterator[Finding]:
    by_patient = "patient" in index.dataset.metric_levels
    what = "patients" if by_patient else "groups"
    ids = index.text("patient_id") if by_patient else table.group_ids
    names, codes = np.unique(ids.astype(str), return_inverse=True)
    times = np.zeros(len(names), dtype=np.int64)
    for parts in table.parts:
        times += np.bincount(codes[parts == PART_CODES["test"]], minlength=len(names)) > 0
    never, often = names[times == 0].tolist(), names[times > 1].tolist()
    if never or often:
        yield Finding(
            "test-coverage",
            "notice",
            None,
            f"{len(never)} of {len(names)} {what} are never tested, {len(often)} more than once",
            column="patient_id" if by_patient else table.group_column,
            groups=tuple(never),
        )
