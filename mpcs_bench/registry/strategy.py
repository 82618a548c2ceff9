"""The contract of a pair strategy: which images of one tissue sample make a positive pair."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from mpcs_bench.registry.plugin import Plugin

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """Which image stands in each view: `rows[n, V]` are rows of the sample index.

    `columns[n, V]` are the positions in `ImageSets.magnifications`; `boxes[n, V, 4]`, where
    given, are (x, y, width, height) as fractions of the image: the view is cut from there.
    """

    rows: IntArray
    columns: IntArray
    boxes: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class ImageSets:
    """The sets X(i) of Section 3.2: the images of n tissue samples at M magnifications.

    Set i holds, at magnification column m, the rows `members[offsets[i, m]:offsets[i, m + 1]]`
    of the sample index (none, one, or where sets are made by patient, several).
    `offsets` has shape [n, M + 1].
    """

    ids: tuple[str, ...]
    patient_ids: tuple[str, ...]
    magnifications: tuple[int, ...]
    offsets: IntArray
    members: IntArray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def available(self) -> IntArray:
        """How many images each set has at each magnification, [n, M]."""
        return np.diff(self.offsets, axis=1)

    def subset(self, keep: BoolArray) -> ImageSets:
        """Return the sets where `keep[n]` is true (members stay shared)."""
        chosen = np.flatnonzero(keep)
        return ImageSets(
            ids=tuple(self.ids[i] for i in chosen),
            patient_ids=tuple(self.patient_ids[i] for i in chosen),
            magnifications=self.magnifications,
            offsets=self.offsets[chosen],
            members=self.members,
        )

    def view_plan(self, columns: IntArray, generator: np.random.Generator) -> ViewPlan:
        """Return the plan whose views stand at magnification `columns[n, V]`.

        Where a set has several images at a magnification, one is drawn uniformly.
        Raises ValueError where a set has no image at the column asked for.
        """
        start = np.take_along_axis(self.offsets[:, :-1], columns, axis=1)
        count = np.take_along_axis(self.available, columns, axis=1)
        if np.any(count == 0):
            where = int(np.argwhere(count == 0)[0][0])
            raise ValueError(f"set {self.ids[where]} has no image at a magnification drawn for it")
        picked = start + np.floor(generator.random(columns.shape) * count).astype(np.int64)
        return ViewPlan(rows=self.members[picked], columns=columns)


class PairStrategy(Plugin):
    """Draws the views of a positive pair (Section 3.2, Figures 3 and 4).

    `human_prior` counts the magnifications that a human fixes, `degrees_of_freedom` those left
    to chance; both are declared for Figure 4.
    """

    kind = "strategy"
    views: ClassVar[int] = 2
    human_prior: ClassVar[int]
    degrees_of_freedom: ClassVar[int]

    def eligible(self, available: IntArray, magnifications: tuple[int, ...]) -> BoolArray:
        """Say which sets can be drawn from: bool[n] for `available[n, M]` image counts.

        By default a set with images at two magnifications or more.
        Raises PluginError where a parameter names a magnification that is not there.
        """
        enough: BoolArray = (available > 0).sum(axis=1) >= 2
        return enough

    @abstractmethod
    def draw(
        self, sets: ImageSets, available: IntArray, generator: np.random.Generator
    ) -> ViewPlan:
        """Draw the views for all n (eligible) sets at once.

        `available[n, M]` counts images per magnification. All randomness comes from `generator`.
        End with `sets.view_plan(columns, generator)`, `columns[n, V]` being positions in
        `sets.magnifications`.
        """


def draw_available(
    available: IntArray, generator: np.random.Generator, exclude: IntArray | None = None
) -> IntArray:
    """Draw for each set one magnification column with images, uniformly; returns [n].

    `exclude[n]` bars one column per set (the first view's, so that both views differ).
    """
    weight = (available > 0).astype(np.float64)
    if exclude is not None:
        weight[np.arange(len(weight)), exclude] = 0.0
    scores = np.where(weight > 0, generator.random(weight.shape), -1.0)
    column: IntArray = np.argmax(scores, axis=1).astype(np.int64)
    return column
