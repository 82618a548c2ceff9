"""Decides which baseline row a method is held to, and whether conditions allow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpcs_bench.report.conditions import ABSENT, Difference, differences, refusal
from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.model import Row, Unit
from mpcs_bench.report.source import FACTORS, CellRecord

_NOT_PAIRED = ("seed", "replicate", "fold", "split_seed", "train_magnification")
"""Equal in a pair by construction, or averaged over."""

SAME_CELLS = "the same cells: what sets the two apart changes nothing in them"

ONE_SPLIT = (
    "one split: seeds measure training noise, not the difference between methods on new patients"
)


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the table together with the cells it came from."""

    row: Row
    group: RowGroup

    def cell(self, train_magnification: int | None, unit: Unit) -> CellRecord:
        """Return a cell at this place; its replicates share its conditions."""
        return next(
            cell
            for cell in self.group.cells
            if cell.unit == unit and cell.train_magnification == train_magnification
        )


def condition_differences(candidate: CellRecord, baseline: CellRecord) -> tuple[Difference, ...]:
    """Return every condition in which two cells differ; the numbers of groups are none.

    What a cell that has not run does not know yet is no difference.
    """
    found = differences(_conditions(candidate), _conditions(baseline))
    if candidate.state == baseline.state == "done":
        return found
    return tuple(d for d in found if all(v is not None and v != ABSENT for v in d[1:]))


def partners(method: Method, held_to: Sequence[Method]) -> list[Method]:
    """Return the baseline rows nearest to `method`; more than one where it is a tie.

    Where the baseline was run in several variants, first those that share the factors in which
    the variants differ (its own encoder, not another), then those with the fewest differing
    conditions, then those with the fewest differing factors.
    """
    mine = method.group.first
    factors = dict(mine.factors)
    varied = [
        name
        for name in FACTORS
        if len({dict(other.group.first.factors)[name] for other in held_to}) > 1
    ]

    def distance(other: Method) -> tuple[int, int, int]:
        theirs = dict(other.group.first.factors)
        return (
            sum(factors[name] != theirs[name] for name in varied),
            len(_row_differences(mine, other.group.first)),
            sum(factors[name] != theirs[name] for name in FACTORS),
        )

    nearest = min(distance(other) for other in held_to)
    return [other for other in held_to if distance(other) == nearest]


def refused(
    method: Method,
    baseline: Method,
    units: Sequence[Unit],
    train_magnifications: Sequence[int | None],
) -> str | None:
    """Say why the values of `units` may not be compared, or None where they may."""
    names = method.row.name, baseline.row.name
    found = _row_differences(method.group.first, baseline.group.first)
    if found:
        return refusal(found, *names)
    pairs = [
        (unit, method.cell(train, unit), baseline.cell(train, unit))
        for unit in units
        for train in train_magnifications
    ]
    for unit, mine, theirs in pairs:
        found = condition_differences(mine, theirs)
        if found:
            return f"fold {unit.fold}: {refusal(found, *names)}"
    too_few = (
        (not units, "no fold and seed has a value in both"),
        (all(mine.cell_id == theirs.cell_id for _, mine, theirs in pairs), SAME_CELLS),
        (len(units) < 2, "one pair of values is too few to test"),
        (len({(unit.split_seed, unit.fold) for unit in units}) < 2, ONE_SPLIT),
    )
    return next((reason for holds, reason in too_few if holds), None)


def split_ratio(
    method: Method, baseline: Method, unit: Unit, train_magnifications: Sequence[int | None]
) -> float | None:
    """Return n_test / n_train in groups, averaged over magnifications; None where unknown."""
    ratios = []
    for train in train_magnifications:
        for cell in (method.cell(train, unit), baseline.cell(train, unit)):
            if not cell.groups_train or not cell.groups_test:
                return None
            ratios.append(cell.groups_test / cell.groups_train)
    return sum(ratios) / len(ratios)


def _row_differences(candidate: CellRecord, baseline: CellRecord) -> tuple[Difference, ...]:
    found = condition_differences(candidate, baseline)
    # A split's hash may be that of one fold: only a pair of the same fold can compare it.
    return tuple(difference for difference in found if difference.name != "split_hash")


def _conditions(cell: CellRecord) -> dict[str, object]:
    stored = cell.conditions or {}
    own = {name: value for name, value in stored.items() if name not in _NOT_PAIRED}
    return own | {
        "dataset": cell.dataset,
        "fingerprint": cell.fingerprint,
        "label_fraction": cell.label_fraction,
        "scale": cell.scale,
        "split_hash": cell.split_hash,
    }
