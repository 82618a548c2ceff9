"""`data verify`: what stands under a root, beside what the data set's plugin declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mpcs_bench.data.decode_once import DecodeReport
from mpcs_bench.data.index import GROUP_PREFIX, SampleIndex
from mpcs_bench.data.index_build import index_report
from mpcs_bench.registry.dataset import Dataset, KnownDefect, Progress, Unreadable


@dataclass(frozen=True, slots=True)
class Expectation:
    """A declared count beside the one found (None: this count cannot be taken)."""

    name: str
    expected: int
    found: int | None

    @property
    def ok(self) -> bool:
        """Whether the two are equal."""
        return self.found == self.expected


@dataclass(frozen=True, slots=True)
class DefectCheck:
    """A declared defect of the published data, and whether these files show it."""

    defect_id: str
    rule: str
    groups: tuple[str, ...]
    note: str
    found: bool


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Everything `data verify` prints.

    `counts` are images by name (`images`, `patients`, `40X/benign` ...), `sizes` images by
    stored size (`700x460`), `undeclared_sizes` those of them that the data set does not declare,
    `identical` the image ids that share all their pixels, set by set.
    """

    dataset: str
    root: str
    fingerprint: str
    counts: Mapping[str, int]
    expectations: tuple[Expectation, ...]
    sizes: Mapping[str, int]
    undeclared_sizes: tuple[str, ...]
    unreadable: tuple[Unreadable, ...]
    rejected: tuple[Unreadable, ...]
    identical: tuple[tuple[str, ...], ...]
    known_defects: tuple[DefectCheck, ...]
    decode: DecodeReport

    @property
    def ok(self) -> bool:
        """Whether every expectation is met, every size declared and every file understood."""
        clean = not (self.unreadable or self.rejected or self.undeclared_sizes)
        return clean and all(item.ok for item in self.expectations)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        report = asdict(self)
        report["expectations"] = [{**asdict(item), "ok": item.ok} for item in self.expectations]
        report["decode"] = {"decoded": self.decode.decoded, "reused": self.decode.reused}
        report["counts"], report["sizes"] = dict(self.counts), dict(self.sizes)
        return {**report, "ok": self.ok}


def verify(
    dataset: Dataset, root: Path, cache: Path, workers: int = 1, progress: Progress | None = None
) -> VerifyReport:
    """Read everything under `root` (decoding into `cache` what is new) and report on it.

    Problems are part of the report. Raises DataError only where the root is not the data set's
    or holds no readable sample at all.
    """
    found = index_report(dataset, root, cache, workers, progress)
    index = found.index
    counts = count_images(index)
    images = index.frame.drop_duplicates("image_id")
    size = images["width"].astype(str) + "x" + images["height"].astype(str)
    sizes = {str(name): int(n) for name, n in size.value_counts().items()}
    declared = {f"{width}x{height}" for width, height in dataset.image_sizes}
    return VerifyReport(
        dataset=dataset.name,
        root=str(root),
        fingerprint=index.fingerprint,
        counts=counts,
        expectations=tuple(
            Expectation(name, expected, counts.get(name))
            for name, expected in dataset.expected.items()
        ),
        sizes=sizes,
        undeclared_sizes=tuple(sorted(set(sizes) - declared)) if declared else (),
        unreadable=found.decode.problems,
        rejected=index.rejected,
        identical=identical_images(images),
        known_defects=tuple(
            DefectCheck(d.defect_id, d.rule, d.groups, d.note, shows_defect(index, d))
            for d in dataset.known_defects
        ),
        decode=found.decode,
    )


def count_images(index: SampleIndex) -> dict[str, int]:
    """Count what applies to the data set: images, patients, groups, complete sets, classes.

    Names: `samples`, `images`, `patients` (where the data set scores patients), `<column>s` for
    each group column, `complete_sets` by (subtype, patient, sequence) over all magnifications,
    and images by class, `40X/benign` or `benign`.
    """
    facts = index.dataset
    images = index.frame.drop_duplicates("image_id")
    counts = {"samples": len(index), "images": len(images)}
    if "patient" in facts.metric_levels:
        counts["patients"] = int(images["patient_id"].nunique())
    for name in facts.group_columns:
        counts.setdefault(f"{name}s", int(images[GROUP_PREFIX + name].nunique()))
    if facts.magnifications and (images["sequence"] != "").any():
        wanted = images[images["magnification"].isin(facts.magnifications)]
        sets = wanted[wanted["sequence"] != ""].groupby(["subtype", "patient_id", "sequence"])
        complete = sets["magnification"].nunique() == len(facts.magnifications)
        counts["complete_sets"] = int(complete.sum())
    if facts.magnifications:
        table = images.groupby(["magnification", "label"]).size()
        for magnification in facts.magnifications:
            for label in facts.classes:
                counts[f"{magnification}X/{label}"] = int(table.get((magnification, label), 0))
    else:
        by_class = images["label"].value_counts()
        counts |= {label: int(by_class.get(label, 0)) for label in facts.classes}
    return counts


def identical_images(images: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Return the ids of images with equal pixels, set by set; `images` has one row an image."""
    shared = images[images["pixel_hash"].duplicated(keep=False)]
    groups = shared.sort_values("image_id").groupby("pixel_hash", sort=False)["image_id"]
    return tuple(sorted(tuple(map(str, ids)) for _, ids in groups))


def shows_defect(index: SampleIndex, defect: KnownDefect) -> bool:
    """Say whether the index shows a declared defect.

    `identical-pixels`: two images of the groups have equal pixels; any other rule: one of the
    groups holds more than one patient_id.
    """
    groups = index.groups(defect.group_column)
    rows = index.frame[pd.Series(groups).isin(defect.groups)]
    if defect.rule == "identical-pixels":
        return bool(identical_images(rows.drop_duplicates("image_id")))
    column = GROUP_PREFIX + defect.group_column
    pairs = rows[[column, "patient_id"]].drop_duplicates()
    return bool(pairs[column].duplicated().any())
