"""Averages over folds, and what must not be taken for them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mpcs_bench.stats.records import ColumnMean, FoldSummary, PooledValue


def over_folds(values: ArrayLike, *, unit: str = "fold x seed") -> FoldSummary:
    """Return mean and standard deviation (ddof = 1) of one value per fold and seed.

    Every fold weighs the same, however many items it tests. Raises ValueError for no values or
    values that are not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"a mean over folds needs values in one dimension, not {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError("values must be finite")
    few = array.size < 2
    return FoldSummary(
        n=int(array.size),
        unit=unit,
        method="mean and standard deviation over folds (ddof = 1)",
        warnings=("one value: no standard deviation",) if few else (),
        mean=float(array.mean()),
        sd=None if few else float(array.std(ddof=1)),
    )


def pooled(values: ArrayLike, counts: ArrayLike, *, unit: str = "item") -> PooledValue:
    """Return the proportion over all items of all folds: each item, not each fold, weighs the same.

    `values` [J] are proportions of `counts` [J] items. Raises ValueError where the two differ in
    length or nothing was counted.
    """
    array = np.asarray(values, dtype=np.float64)
    items = np.asarray(counts, dtype=np.int64)
    if array.shape != items.shape or array.ndim != 1:
        raise ValueError(f"{array.shape} values do not match {items.shape} counts")
    if np.any(items < 0) or items.sum() == 0:
        raise ValueError("a pooled value needs at least one item and no negative count")
    return PooledValue(
        n=int(items.sum()),
        unit=unit,
        method="pooled over folds",
        assumptions=("no standard error is implied: items of one patient are correlated",),
        value=float(array @ items / items.sum()),
    )


def mean_of_columns(columns: Sequence[FoldSummary], *, unit: str = "magnification") -> ColumnMean:
    """Return the mean of the columns' means, and both averages of their standard deviations.

    The paper's Mean column prints the mean of the standard deviations (Tables 5 and 6). Raises
    ValueError for no columns.
    """
    if not columns:
        raise ValueError("a mean of columns needs at least one column")
    sds = [column.sd for column in columns if column.sd is not None]
    freedom = sum(column.n - 1 for column in columns)
    complete = len(sds) == len(columns)
    squares = sum((column.n - 1) * (column.sd or 0.0) ** 2 for column in columns)
    return ColumnMean(
        n=len(columns),
        unit=unit,
        method="mean of means, mean of standard deviations",
        assumptions=("columns are not independent: they share patients and folds",),
        warnings=() if complete else ("a column without standard deviation",),
        mean_of_means=math.fsum(column.mean for column in columns) / len(columns),
        mean_of_sds=math.fsum(sds) / len(sds) if complete else None,
        pooled_sd=math.sqrt(squares / freedom) if complete else None,
    )
