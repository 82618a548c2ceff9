"""Variance components of nested values: splits, seeds within a split, reruns within a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

LEVELS = ("split", "seed", "run")


@dataclass(frozen=True, slots=True)
class Component:
    """The variance that one level adds; None where its level has no repeats.

    `estimate` is the method of moments' own, which may be negative; `variance` is that, or 0.
    `contains` are the levels below that could not be told apart from this one. `freedom` are the
    degrees of freedom of its mean square.
    """

    level: str
    variance: float | None
    estimate: float | None
    freedom: int
    contains: tuple[str, ...] = ()

    @property
    def sd(self) -> float | None:
        """The standard deviation that this level adds."""
        return None if self.variance is None else math.sqrt(self.variance)

    @property
    def negative(self) -> bool:
        """Whether the estimate was below 0: the level adds less than these repeats can show."""
        return self.estimate is not None and self.estimate < 0


@dataclass(frozen=True, slots=True)
class Components:
    """The components of one set of `n` values around `mean`, outermost level first."""

    n: int
    mean: float
    levels: tuple[Component, ...]

    def share(self, component: Component) -> float | None:
        """Return the part of the total variance of one new value that a level adds."""
        total = sum(level.variance or 0.0 for level in self.levels)
        if component.variance is None or total == 0:
            return None
        return component.variance / total


def variance_components(
    values: Sequence[float], splits: Sequence[object], seeds: Sequence[object]
) -> Components:
    """Return the components of `values` [n] by split, by seed within a split, and by rerun.

    Method of moments: the sequential mean squares of the nested ANOVA are set equal to their
    expectations and solved from the innermost level outwards (Searle, Casella and McCulloch,
    *Variance Components*, 1992). Numbers of values may differ between cells. A level without
    repeats (one rerun of each seed) cannot be told apart from the one above it, which then holds
    both. Raises ValueError for no values, lengths that differ, or values that are not finite.
    """
    y = np.asarray(values, dtype=np.float64)
    if not y.size or not y.size == len(splits) == len(seeds):
        raise ValueError(f"{y.size} values, {len(splits)} splits, {len(seeds)} seeds")
    if not np.all(np.isfinite(y)):
        raise ValueError("values must be finite")
    designs = [_design(splits), _design(list(zip(splits, seeds, strict=True))), np.eye(y.size)]
    spaces = [np.full((y.size, y.size), 1 / y.size), *(_projection(z) for z in designs)]
    steps = [after - before for before, after in pairwise(spaces)]
    freedoms = [round(float(np.trace(step))) for step in steps]
    estimates: dict[int, float] = {}
    for k in reversed(range(len(LEVELS))):
        if freedoms[k]:
            # The expectation of a sum of squares: each level's variance by the trace it has there.
            weights = [float(np.trace(z.T @ steps[k] @ z)) for z in designs]
            rest = sum(weights[j] * estimates[j] for j in estimates)
            estimates[k] = (float(y @ steps[k] @ y) - rest) / weights[k]
    return Components(y.size, float(y.mean()), tuple(_levels(estimates, freedoms, y)))


def _levels(
    estimates: dict[int, float], freedoms: Sequence[int], y: NDArray[np.float64]
) -> list[Component]:
    rounding = 1e-12 * max(1.0, float(np.abs(y).max())) ** 2
    found = []
    for k, level in enumerate(LEVELS):
        if k not in estimates:
            found.append(Component(level, None, None, freedoms[k]))
            continue
        below = []
        for j in range(k + 1, len(LEVELS)):
            if j in estimates:
                break
            below.append(LEVELS[j])
        estimate = 0.0 if abs(estimates[k]) <= rounding else estimates[k]
        found.append(Component(level, max(0.0, estimate), estimate, freedoms[k], tuple(below)))
    return found


def _design(groups: Sequence[object]) -> NDArray[np.float64]:
    number = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    design = np.zeros((len(groups), len(number)))
    design[np.arange(len(groups)), [number[group] for group in groups]] = 1.0
    return design


def _projection(design: NDArray[np.float64]) -> NDArray[np.float64]:
    projection: NDArray[np.float64] = (design / design.sum(axis=0)) @ design.T
    return projection
