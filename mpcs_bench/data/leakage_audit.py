"""Run every rule of the leakage audit over a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.leakage import Accepted, Finding, Severity
from mpcs_bench.data.leakage_coverage import coverage_findings
from mpcs_bench.data.splits import NO_PART, PART_CODES, SplitTable
from mpcs_bench.registry.dataset import KnownDefect

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
StrArray = npt.NDArray[np.str_]


def audit_split(
    index: SampleIndex,
    table: SplitTable,
    accept: Sequence[str] = (),
    known_defects: Sequence[KnownDefect] = (),
    selection_rule: str = "last",
) -> list[Finding]:
    """Return every finding, errors first; what stops a run is for `raise_on_errors` to say.

    Training is every part but test (ssl, label). Groups are compared in each of the data set's
    group columns: torn in the split's own, in the default one or in a finer one, they are an
    error; in a coarser one a notice. A defect of the data set declares only those groups of a
    finding whose samples it explains entirely. Raises SplitError where the table is not of this
    index, or `accept` names an unknown rule.
    """
    table.check(index)
    accepted = Accepted.parse(accept)
    columns = [
        (column, _severity(index, table.group_column, column), *_named(index.groups(column)))
        for column in index.dataset.group_columns
    ]
    pixels, images = _pixel_codes(index), _named(index.text("image_id"))
    found: list[Finding] = []
    for k, fold in enumerate(table.folds):
        sides = _Sides.of(fold, table.parts[k], index, known_defects)
        for column, severity, names, codes in columns:
            found += sides.torn_groups(column, severity, names, codes)
        found += sides.torn_pixels(pixels, index, table)
        found += sides.torn_images(*images)
    if selection_rule == "test":
        found.append(
            Finding(
                "test-selection",
                "error",
                None,
                "the epoch is chosen on the test part: scores are optimistic",
                declared=True,
                by="selection.rule",
            )
        )
    found += coverage_findings(index, table)
    listed = [part for finding in found for part in accepted.apply(finding)]
    return sorted(listed, key=lambda finding: (not finding.stops, finding.severity != "error"))


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """The two sides of one fold, and which rows each known defect speaks of."""

    fold: int
    training: BoolArray
    test: BoolArray
    defects: tuple[tuple[KnownDefect, BoolArray], ...]

    @classmethod
    def of(
        cls,
        fold: int,
        parts: npt.NDArray[np.uint8],
        index: SampleIndex,
        defects: Sequence[KnownDefect],
    ) -> _Sides:
        test = parts == PART_CODES["test"]
        members = tuple(
            (defect, np.isin(index.groups(defect.group_column).astype(str), defect.groups))
            for defect in defects
        )
        return cls(fold, (parts != NO_PART) & ~test, test, members)

    def torn_groups(
        self, column: str, severity: Severity, names: StrArray, codes: IntArray
    ) -> Iterator[Finding]:
        torn = self._torn(codes, len(names))
        for by, chosen in self._explained("group-overlap", codes, torn):
            yield self._finding(
                "group-overlap",
                severity,
                f"{_count(chosen, 'group')} of '{column}' in training and in test",
                column=column,
                groups=names[chosen],
                by=by,
            )

    def torn_pixels(
        self, codes: IntArray, index: SampleIndex, table: SplitTable
    ) -> Iterator[Finding]:
        torn = self._torn(codes, int(codes.max()) + 1)
        ids = index.text("sample_id")
        for by, chosen in self._explained("identical-pixels", codes, torn):
            rows = np.flatnonzero(np.isin(codes, chosen) & (self.training | self.test))
            first = rows[codes[rows] == chosen[0]]
            pair = ids[first[self.training[first]][0]], ids[first[self.test[first]][0]]
            yield self._finding(
                "identical-pixels",
                "error",
                f"{_count(chosen, 'image')}, pixel for pixel, in training and in test "
                f"(such as {pair[0]} and {pair[1]})",
                column=table.group_column,
                groups=np.unique(table.group_ids[rows].astype(str)),
                by=by,
            )

    def torn_images(self, names: StrArray, codes: IntArray) -> Iterator[Finding]:
        torn = self._torn(codes, len(names))
        for by, chosen in self._explained("patch-overlap", codes, torn):
            yield self._finding(
                "patch-overlap",
                "error",
                f"{_count(chosen, 'image')} with patches in training and in test",
                column="image_id",
                groups=names[chosen],
                by=by,
            )

    def _finding(
        self,
        rule: str,
        severity: Severity,
        message: str,
        *,
        column: str,
        groups: StrArray,
        by: str,
    ) -> Finding:
        listed = tuple(str(group) for group in groups.tolist())
        return Finding(rule, severity, self.fold, message, column, listed, by != "", by)

    def _torn(self, codes: IntArray, size: int) -> BoolArray:
        in_training = np.bincount(codes[self.training], minlength=size) > 0
        in_test = np.bincount(codes[self.test], minlength=size) > 0
        torn: BoolArray = in_training & in_test
        return torn

    def _explained(
        self, rule: str, codes: IntArray, torn: BoolArray
    ) -> Iterator[tuple[str, IntArray]]:
        """Yield (defect id, torn codes it explains entirely), and ('', those none explains)."""
        open_codes = torn.copy()
        used = self.training | self.test
        for defect, members in self.defects:
            if defect.rule != rule:
                continue
            outside = np.bincount(codes[used & ~members], minlength=len(torn)) > 0
            explained = np.flatnonzero(open_codes & ~outside)
            open_codes[explained] = False
            if len(explained):
                yield defect.defect_id, explained
        left = np.flatnonzero(open_codes)
        if len(left):
            yield "", left


def _named(values: npt.NDArray[np.object_]) -> tuple[StrArray, IntArray]:
    names, codes = np.unique(values.astype(str), return_inverse=True)
    return names, codes.astype(np.int64)


def _pixel_codes(index: SampleIndex) -> IntArray:
    """Number the distinct (pixels, box): two patches of one image are not identical."""
    box = index.frame[["pixel_hash", "box_x", "box_y", "box_w", "box_h"]]
    return np.asarray(box.groupby(list(box.columns), sort=False).ngroup()).astype(np.int64)


def _count(chosen: IntArray, noun: str) -> str:
    return f"{len(chosen)} {noun}" + "s" * (len(chosen) != 1)


def _severity(index: SampleIndex, split_column: str, column: str) -> Severity:
    """Torn groups are an error unless their column is coarser than any the split must respect."""
    default = index.dataset.default_group
    if column in (split_column, default):
        return "error"
    pairs = np.unique(np.stack([index.groups(column), index.groups(default)]).astype(str), axis=1)
    finer = len(np.unique(pairs[0])) == pairs.shape[1]
    return "error" if finer else "notice"
