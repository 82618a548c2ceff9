"""The contract of a data set: it reads a folder into samples and declares what to expect."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from mpcs_bench.registry.plugin import Plugin

Progress = Callable[[int, int], None]
MetricLevel = Literal["patch", "image", "patient"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One image, or one patch of an image, as a data set's file names and folders describe it.

    `groups` maps each of the data set's `group_columns` to this sample's group: what a split may
    not tear apart. `magnification` is the objective's (40, 100, 200, 400), or None. `sequence`
    numbers the image within its patient and magnification. `box` is (x, y, width, height) in
    pixels of the stored image, or None for the whole image.
    """

    sample_id: str
    path: str
    label: str
    subtype: str
    patient_id: str
    groups: Mapping[str, str]
    image_id: str
    magnification: int | None = None
    sequence: str | None = None
    patch_index: int = 0
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file under the root that looks like data and could not be understood, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What a look at the root folder found; `rejected` files are never dropped silently."""

    samples: list[Sample]
    rejected: list[Unreadable] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class KnownDefect:
    """A fault of the published data themselves, so that the real data set runs, and is marked.

    `rule` is the leakage audit's name of the finding (`group-overlap`, `identical-pixels`),
    `groups` the groups it concerns (in `group_column`), `note` what is known of it.
    """

    defect_id: str
    rule: str
    group_column: str
    groups: tuple[str, ...]
    note: str


class Dataset(Plugin):
    """A labelled collection of tissue images in one root folder.

    `classes` in label order (index 1 is the positive class of a binary data set: malignant);
    `magnifications` in ascending order, empty where the data set has none; `group_columns`, the
    groupings a split may use, `default_group` the one it uses unless told otherwise;
    `metric_levels` that make sense (patient-level accuracy needs patients); `expected` counts by
    name, and `image_sizes` (width, height), compared by `data verify` with what is found.
    """

    kind = "dataset"
    classes: ClassVar[tuple[str, ...]]
    magnifications: ClassVar[tuple[int, ...]] = ()
    group_columns: ClassVar[tuple[str, ...]]
    default_group: ClassVar[str]
    metric_levels: ClassVar[tuple[MetricLevel, ...]] = ("image",)
    expected: ClassVar[Mapping[str, int]] = {}
    known_defects: ClassVar[tuple[KnownDefect, ...]] = ()
    image_sizes: ClassVar[tuple[tuple[int, int], ...]] = ()
    licence: ClassVar[str] = "not stated"
    citation: ClassVar[str] = ""
    homepage: ClassVar[str] = ""
    generated: ClassVar[bool] = False

    @abstractmethod
    def scan(self, root: Path) -> Scan:
        """List the samples under `root` from names and folders; decode no image.

        Image headers may be read, where patch boxes depend on the size; an image whose header
        cannot be read is listed whole (`box` None), so that decoding reports it. Raises DataError
        where `root` is not this data set's folder at all.
        """

    @property
    def patches_per_image(self) -> int:
        """How many samples an image of the declared size gives; a forecast without data uses it."""
        return 1

    def generate(self, root: Path, workers: int, progress: Progress | None = None) -> None:
        """Write the data set to `root`; only where `generated` is true."""
        raise NotImplementedError(f"{self.name} is not a generated data set")

    def official_folds(self, root: Path) -> Mapping[int, Mapping[str, Literal["train", "test"]]]:
        """Return the published folds: fold number -> sample_id -> side.

        Raises DataError where the data set has none, or the files are not under `root`.
        """
        from mpcs_bench.errors import DataError

        raise DataError(
            f"The data set '{self.name}' has no official folds.",
            hint="Use `split: {scheme: kfold}` or a split file.",
        )
