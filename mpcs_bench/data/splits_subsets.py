"""Subsets of a part: the validation groups carved from training, and fractions of the labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.stratify import Groups, groups_of, shuffled
from mpcs_bench.errors import SplitError

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def carve_validation(
    index: SampleIndex, rows: IntArray, group_column: str | None, fraction: float, seed: int
) -> tuple[IntArray, IntArray]:
    """Divide `rows` into training and validation rows by groups, stratified by class.

    Of each class about `fraction` of the groups go to validation, at least one, and at least
    one stays. Depends on the seed and the groups' names alone. Raises SplitError where a class
    has too few groups for both sides.
    """
    groups = groups_of(index, rows, group_column)
    size = np.bincount(groups.label, minlength=groups.images.shape[1])
    wanted = np.clip(_part_of(size, fraction), 1, np.maximum(size - 1, 1))
    taken = _rank_in_class(groups, seed, "validation") < wanted[groups.label]
    for number, label in enumerate(index.dataset.classes):
        has = groups.images[:, number] > 0
        if has.any() and not ((has & taken).any() and (has & ~taken).any()):
            raise SplitError(
                f"Class '{label}' has {int(has.sum())} groups to train on, too few to carve a "
                "validation part from.",
                hint="Use `selection: {rule: last}`, or a larger training part.",
            )
    validation = taken[groups.codes]
    return rows[~validation], rows[validation]


def label_subset(
    index: SampleIndex, rows: IntArray, group_column: str | None, fraction: float, seed: int
) -> IntArray:
    """Return the rows of about `fraction` of the groups of each class, at least one group each.

    Nested: with one seed, a smaller fraction's rows are among a larger one's.
    Raises SplitError for a fraction outside (0, 1].
    """
    if not 0 < fraction <= 1:
        raise SplitError(f"label fraction {fraction} is not above 0 and at most 1.")
    groups = groups_of(index, rows, group_column)
    size = np.bincount(groups.label, minlength=groups.images.shape[1])
    wanted = np.maximum(_part_of(size, fraction), 1)
    rank = _rank_in_class(groups, seed, "label-fraction")
    taken = rank < wanted[groups.label]
    # groups may mix classes: the first group that has a class is always in, so nesting holds
    order = np.lexsort((np.arange(len(groups)), rank))
    for number in range(groups.images.shape[1]):
        having = order[groups.images[order, number] > 0]
        taken[having[:1]] = True
    return rows[taken[groups.codes]]


def _rank_in_class(groups: Groups, seed: int, purpose: str) -> IntArray:
    """Return the place of each group among those of its class, in seeded order, from 0."""
    keys = shuffled(groups.names, seed, purpose)
    order = np.lexsort((keys, groups.label))
    size = np.bincount(groups.label)
    start = np.cumsum(size) - size
    rank = np.empty(len(groups), dtype=np.int64)
    rank[order] = np.arange(len(groups)) - start[groups.label[order]]
    return rank


def _part_of(sizes: IntArray, fraction: float) -> IntArray:
    """Round half up, past the noise of binary fractions (0.15 x 10 is 2)."""
    rounded: IntArray = np.floor(sizes * fraction + 0.5 + 1e-9).astype(np.int64)
    return rounded
