"""The contract of a data set, as checks on a root folder."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path

from mpcs_bench.registry.dataset import Dataset, Sample, Scan
from mpcs_bench.registry.suite_result import Check, Violation, require


def dataset_checks(dataset: Dataset, root: Path) -> list[Check]:
    """Return the checks of `dataset` on what `root` holds."""
    suite = _DatasetSuite(dataset, root)
    found = ("scan",)
    return [
        Check("scan", suite.scan),
        Check("stable scan", suite.stable_scan, needs=found),
        Check("sample ids", suite.sample_ids, needs=found),
        Check("labels", suite.labels, needs=found),
        Check("magnifications", suite.magnifications, needs=found),
        Check("groups", suite.groups, needs=found),
        Check("paths", suite.paths, needs=found),
        Check("patches", suite.patches, needs=("scan", "paths")),
    ]


class _DatasetSuite:
    def __init__(self, dataset: Dataset, root: Path) -> None:
        self.dataset = dataset
        self.root = root

    @cached_property
    def samples(self) -> list[Sample]:
        scan = self.dataset.scan(self.root)
        require(isinstance(scan, Scan), f"scan() returns {type(scan).__name__}, not Scan")
        return scan.samples

    def scan(self) -> None:
        require(len(self.samples) > 0, f"scan() finds no sample under {self.root}")
        require(
            all(isinstance(sample, Sample) for sample in self.samples),
            "scan() lists something that is no Sample",
        )

    def stable_scan(self) -> None:
        again = self.dataset.scan(self.root).samples
        require(again == self.samples, "a second scan differs, or has another order: sort it")

    def sample_ids(self) -> None:
        counts = Counter(sample.sample_id for sample in self.samples)
        twice = [name for name, count in counts.items() if count > 1]
        require(
            not twice, f"{len(twice)} sample ids are used twice, the first is '{_first(twice)}'"
        )

    def labels(self) -> None:
        strange = {sample.label for sample in self.samples} - set(self.dataset.classes)
        require(not strange, f"labels {sorted(strange)} are none of {self.dataset.classes}")

    def magnifications(self) -> None:
        declared: set[int | None] = set(self.dataset.magnifications) or {None}
        strange = {sample.magnification for sample in self.samples} - declared
        require(
            not strange,
            f"magnifications {sorted(map(str, strange))} are none of those declared "
            f"{self.dataset.magnifications}",
        )

    def groups(self) -> None:
        columns = set(self.dataset.group_columns)
        for sample in self.samples:
            filled = {column for column, group in sample.groups.items() if group}
            require(
                filled == columns and set(sample.groups) == columns,
                f"sample '{sample.sample_id}' has the groups {dict(sample.groups)}, "
                f"not one for each of {self.dataset.group_columns}",
            )

    def paths(self) -> None:
        missing = [s.path for s in self.samples if not (self.root / s.path).is_file()]
        require(not missing, f"{len(missing)} paths are no file, the first is {_first(missing)}")

    def patches(self) -> None:
        boxed = [sample for sample in self.samples if sample.box is not None]
        for sample in boxed:
            x, y, width, height = sample.box or (0, 0, 0, 0)
            require(
                min(x, y) >= 0 and min(width, height) > 0,
                f"the box {sample.box} of '{sample.sample_id}' is empty or starts outside",
            )
        sizes = {path: _image_size(self.root / path) for path in {s.path for s in boxed}}
        for sample in boxed:
            x, y, width, height = sample.box or (0, 0, 0, 0)
            right, bottom = sizes[sample.path]
            require(
                x + width <= right and y + height <= bottom,
                f"the box {sample.box} of '{sample.sample_id}' leaves its image of "
                f"{right}x{bottom}",
            )


def _image_size(path: Path) -> tuple[int, int]:
    """Return (width, height) in pixels, as the file's header states them."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except Exception as error:  # every format has its own exceptions
        raise Violation(f"{path} cannot be read as an image: {error}") from error


def _first(items: list[str]) -> str:
    return items[0] if items else ""
