"""Two methods on the same test items, out of fold: replicates, seeds and repeats averaged first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcs_bench.report.compare.answers import Answers, Names, Place
from mpcs_bench.report.model import Column, Unit
from mpcs_bench.report.pairing import Method

STORED_WITHIN = 1e-12
"""Predictions give the stored accuracy to the rounding of a mean, or are not those it is from."""


@dataclass(frozen=True, slots=True)
class PairedItems:
    """One row for each item of a column that both methods were tested on.

    `candidate` [N] and `baseline` [N] are shares of right answers over seeds and repeats of the
    item; `repeats` is in how many splits an item was tested at most, `seeds` how many answers make
    up a test of it.
    """

    items: Names
    patients: Names
    groups: Names
    images: Names
    labels: NDArray[np.int64]
    candidate: NDArray[np.float64]
    baseline: NDArray[np.float64]
    repeats: int
    seeds: int

    @property
    def difference(self) -> NDArray[np.float64]:
        """Candidate minus baseline [N]."""
        return self.candidate - self.baseline

    @property
    def once(self) -> bool:
        """Whether each item has one answer on each side: right or wrong, nothing between."""
        return self.repeats == 1 and self.seeds == 1


def pair_items(
    method: Method,
    baseline: Method,
    column: Column,
    units: Sequence[Unit],
    *,
    answers: Mapping[Place, Answers],
    metric: str,
) -> PairedItems | str:
    """Return the items of `column` in `units`, with both sides' answers; or why there are none.

    Both sides must have been tested on the same items, and their answers must give the accuracy
    that is stored as `metric`.
    """
    splits: dict[tuple[int, int], list[tuple[Answers, Answers]]] = defaultdict(list)
    most = 1
    for unit in units:
        sides = []
        for side in (method, baseline):
            found = _replicates(side, column, unit, answers)
            if not found:
                return f"{side.row.name} has no stored predictions of fold {unit.fold}"
            if reason := _contradiction(side, column, unit, found, metric):
                return reason
            most = max(most, len(found))
            sides.append(found)
        earlier = [pair[0] for pair in splits[unit.split_seed, unit.fold]]
        if not _same_items([*sides[0], *sides[1], *earlier]):
            return f"fold {unit.fold}: not all were tested on the same items"
        mine, theirs = map(_averaged, sides)
        splits[unit.split_seed, unit.fold].append((mine, theirs))
    if not splits:
        return "no fold and seed has a value in both"
    tests = [
        (_averaged([pair[0] for pair in pairs]), _averaged([pair[1] for pair in pairs]))
        for pairs in splits.values()
    ]
    return _joined(tests, most * max(len(pairs) for pairs in splits.values()))


def _replicates(
    side: Method, column: Column, unit: Unit, answers: Mapping[Place, Answers]
) -> list[Answers]:
    return [
        answers[cell.cell_id, column.test]
        for cell in side.group.cells
        if cell.unit == unit
        and cell.train_magnification == column.train
        and (cell.cell_id, column.test) in answers
    ]


def _contradiction(
    side: Method, column: Column, unit: Unit, found: Sequence[Answers], metric: str
) -> str | None:
    """Say where the answers do not give the accuracy that the table shows."""
    stored = next(e.values[unit] for e in side.row.entries if e.column == column)
    given = [a.patient_accuracy if metric == "patient_accuracy" else a.accuracy for a in found]
    mean = sum(given) / len(given)
    if abs(mean - stored) <= STORED_WITHIN:
        return None
    return (
        f"the stored predictions of {side.row.name}, fold {unit.fold}, give {metric} {mean:.6f}, "
        f"and {stored:.6f} is stored"
    )


def _same_items(answers: Sequence[Answers]) -> bool:
    return all(np.array_equal(answers[0].items, other.items) for other in answers[1:])


def _averaged(answers: Sequence[Answers]) -> Answers:
    """Average the answers of replicates or seeds: they are of the same items."""
    first = answers[0]
    if len(answers) == 1:
        return first
    right = np.mean([each.right for each in answers], axis=0)
    return Answers(first.items, first.patients, first.groups, first.images, first.labels, right)


def _joined(tests: Sequence[tuple[Answers, Answers]], seeds: int) -> PairedItems:
    """Put the folds below each other; the tests of an item that is in several are averaged."""
    items = np.concatenate([mine.items for mine, _ in tests])
    names, first, place, repeats = np.unique(
        items, return_index=True, return_inverse=True, return_counts=True
    )

    def averaged(side: int) -> NDArray[np.float64]:
        right = np.concatenate([pair[side].right for pair in tests])
        return np.bincount(place, weights=right) / repeats

    def kept(values: Sequence[Names]) -> Names:
        return np.concatenate(values)[first]

    return PairedItems(
        items=names,
        patients=kept([mine.patients for mine, _ in tests]),
        groups=kept([mine.groups for mine, _ in tests]),
        images=kept([mine.images for mine, _ in tests]),
        labels=np.concatenate([mine.labels for mine, _ in tests])[first],
        candidate=averaged(0),
        baseline=averaged(1),
        repeats=int(repeats.max()),
        seeds=seeds,
    )
