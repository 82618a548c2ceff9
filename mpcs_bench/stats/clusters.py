"""From one value per image, fold or seed to one per cluster (a patient): the unit that is drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Clustered(NamedTuple):
    """Sums and numbers of values [C] of C clusters, in the order of their names."""

    names: NDArray[np.generic]
    sums: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def means(self) -> NDArray[np.float64]:
        """One mean per cluster: however many values it has, a cluster weighs as much as another."""
        means: NDArray[np.float64] = self.sums / self.counts
        return means


def by_cluster(clusters: ArrayLike, values: ArrayLike) -> Clustered:
    """Group `values` [N] by `clusters` [N], the names (text or numbers) of whom each belongs to.

    The order of the rows does not matter. Raises ValueError where the two differ in length, for no
    rows, or for values that are not finite.
    """
    names = np.asarray(clusters)
    numbers = np.asarray(values, dtype=np.float64)
    if names.shape != numbers.shape or names.ndim != 1 or names.size == 0:
        raise ValueError(f"{names.shape} clusters do not match {numbers.shape} values")
    if not np.all(np.isfinite(numbers)):
        raise ValueError("values must be finite")
    found, place = np.unique(names, return_inverse=True)
    return Clustered(
        names=found,
        sums=np.bincount(place, weights=numbers).astype(np.float64),
        counts=np.bincount(place),
    )
