"""Pair strategies: one that cuts boxes, and some that break their contract."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mpcs_bench.registry.strategy import ImageSets, PairStrategy, ViewPlan


class _FirstTwo(PairStrategy):
    human_prior = 2
    degrees_of_freedom = 0

    def draw(
        self, sets: ImageSets, available: np.ndarray, generator: np.random.Generator
    ) -> ViewPlan:
        columns = np.tile(np.array([0, 1], dtype=np.int64), (len(sets), 1))
        return self.spoilt(sets.view_plan(columns, generator), generator)

    def spoilt(self, plan: ViewPlan, generator: np.random.Generator) -> Any:
        raise NotImplementedError


class Quarters(_FirstTwo):
    """Each view is a quarter of its image, drawn at random."""

    name = "quarters"

    def spoilt(self, plan: ViewPlan, generator: np.random.Generator) -> ViewPlan:
        corner = generator.integers(0, 2, (*plan.rows.shape, 2)) / 2
        return replace(plan, boxes=np.concatenate([corner, np.full_like(corner, 0.5)], axis=2))


class OneView(_FirstTwo):
    """Draws a single view where two were promised."""

    name = "one-view"

    def spoilt(self, plan: ViewPlan, generator: np.random.Generator) -> ViewPlan:
        return replace(plan, rows=plan.rows[:, :1], columns=plan.columns[:, :1])


class ForeignRows(_FirstTwo):
    """Pairs the images of neighbouring sets."""

    name = "foreign-rows"

    def spoilt(self, plan: ViewPlan, generator: np.random.Generator) -> ViewPlan:
        return replace(plan, rows=np.roll(plan.rows, 1, axis=0))


class BeyondRows(_FirstTwo):
    """Draws rows that the index does not have."""

    name = "beyond-rows"

    def spoilt(self, plan: ViewPlan, generator: np.random.Generator) -> ViewPlan:
        return replace(plan, rows=plan.rows + 10_000)


class FractionalRows(_FirstTwo):
    """Draws rows that are no whole numbers."""

    name = "fractional-rows"

    def spoilt(self, plan: ViewPlan, generator: np.random.Generator) -> ViewPlan:
        return replace(plan, rows=plan.rows + 0.5)


class Tuples(_FirstTwo):
    """Returns no plan at all."""

    name = "tuples"

    def spoilt(self, plan: ViewPlan, generator: np.random.Generator) -> Any:
        return plan.rows, plan.columns


class EmptyBoxes(_FirstTwo):
    """Draws boxes without area."""

    name = "empty-boxes"

    def spoilt(self, plan: ViewPlan, generator: np.random.Generator) -> ViewPlan:
        return replace(plan, boxes=np.zeros((*plan.rows.shape, 4)))


class PixelBoxes(_FirstTwo):
    """Draws boxes in pixels, not in fractions."""

    name = "pixel-boxes"

    def spoilt(self, plan: ViewPlan, generator: np.random.Generator) -> ViewPlan:
        return replace(plan, boxes=np.tile([0.0, 0.0, 20.0, 16.0], (*plan.rows.shape, 1)))


class NanBoxes(_FirstTwo):
    """Draws boxes that are not numbers."""

    name = "nan-boxes"

    def spoilt(self, plan: ViewPlan, generator: np.random.Generator) -> ViewPlan:
        return replace(plan, boxes=np.full((*plan.rows.shape, 4), np.nan))


class FlatBoxes(_FirstTwo):
    """Draws one box a set, where each view needs its own."""

    name = "flat-boxes"

    def spoilt(self, plan: ViewPlan, generator: np.random.Generator) -> ViewPlan:
        return replace(plan, boxes=np.tile([0.0, 0.0, 1.0, 1.0], (len(plan.rows), 1)))
