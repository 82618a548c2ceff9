"""Pairs each row of a candidate with its own row of the baseline, and asks both questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mpcs_bench.report.compare.answers import load_answers
from mpcs_bench.report.compare.asking import ask_trained
from mpcs_bench.report.compare.claim import claim
from mpcs_bench.report.compare.folds import fold_outcomes
from mpcs_bench.report.compare.outcome import Outcome
from mpcs_bench.report.compare.references import Reference
from mpcs_bench.report.compare.sides import Side
from mpcs_bench.report.comparing import against
from mpcs_bench.report.conditions import Difference, refusal
from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.model import Column, Comparison, Metric
from mpcs_bench.report.pairing import Method, condition_differences, partners

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Place:
    """One magnification of a pair, or their mean (`comparison.column` None): its tests."""

    comparison: Comparison
    outcomes: tuple[Outcome, ...]

    @property
    def claim(self) -> str:
        """What may be said of the two methods here."""
        return claim(self.comparison)


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of a candidate against its own row of the baseline.

    `differs` are the factors in which the two differ: what is being compared. `unequal` are the
    conditions in which they differ, all of them: what keeps them from being compared. The first of
    `places` is the primary question.
    """

    baseline: Reference
    candidate: Reference
    dataset: str
    metric: Metric
    differs: tuple[Difference, ...]
    unequal: tuple[Difference, ...]
    places: tuple[Place, ...]

    @property
    def refused(self) -> str | None:
        """Why nothing was compared anywhere, or None."""
        reasons = [place.comparison.refused for place in self.places]
        return reasons[0] if all(reasons) else None


def pairs_of(
    connection: DuckDBPyConnection, baseline: Side, candidate: Side, metric: Metric, rope: float
) -> Iterator[Pair]:
    """Yield one pair for each row of `candidate`, tested or refused; `rope` is a proportion."""
    for dataset, groups in candidate.rows.items():
        home = dataset if dataset in baseline.rows else next(iter(baseline.rows))
        for group in groups:
            method = _method(candidate, dataset, group, metric)
            nearest = partners(method, baseline.methods(home, metric, ()))
            comparisons = _compare(connection, (candidate, baseline), method, nearest, metric)
            unequal = _unequal(group, nearest[0].group)
            comparisons = [_in_full(comparison, unequal) for comparison in comparisons]
            over_folds = fold_outcomes(comparisons, rope=rope)
            yield Pair(
                baseline=baseline.reference,
                candidate=candidate.reference,
                dataset=dataset,
                metric=metric,
                differs=_factors(group, nearest[0].group),
                unequal=unequal,
                places=tuple(
                    Place(c, (*folds, *c.trained))
                    for c, folds in zip(comparisons, over_folds, strict=True)
                ),
            )


def _method(
    side: Side, dataset: str, group: RowGroup, metric: Metric, columns: Sequence[Column] = ()
) -> Method:
    return next(m for m in side.methods(dataset, metric, columns) if m.group is group)


def _compare(
    connection: DuckDBPyConnection,
    sides: tuple[Side, Side],
    method: Method,
    nearest: Sequence[Method],
    metric: Metric,
) -> Sequence[Comparison]:
    candidate, baseline = sides
    dataset, home = (m.group.first.dataset for m in (method, nearest[0]))
    mine = candidate.columns(method.group, metric.name)
    theirs = baseline.columns(nearest[0].group, metric.name)
    common = [column for column in mine if column in theirs]
    if not common:
        return (_no_common_column(method, nearest[0], mine, theirs),)
    ours = _method(candidate, dataset, method.group, metric, common)
    held_to = [_method(baseline, home, other.group, metric, common) for other in nearest]
    comparisons = against(ours, held_to)
    if not all(c.refused for c in comparisons):
        cells = [*ours.group.cells, *held_to[0].group.cells]
        comparisons = list(
            ask_trained(
                comparisons,
                ours,
                held_to[0],
                metric,
                load_answers(connection, cells),
                patients=dataset in candidate.with_patients,
            )
        )
    alone = [column.label for column in (*mine, *theirs) if column not in common]
    if not alone:
        return comparisons
    note = f"left out, on one side only: {', '.join(dict.fromkeys(alone))}"
    return [replace(c, notes=(*c.notes, note)) if c.column is None else c for c in comparisons]


def _no_common_column(
    method: Method, baseline: Method, mine: Sequence[Column], theirs: Sequence[Column]
) -> Comparison:
    sides = (", ".join(column.label for column in columns) for columns in (mine, theirs))
    found = (Difference("magnification", *sides),)
    return Comparison(
        candidate=method.row.key,
        candidate_name=method.row.name,
        baseline=baseline.row.key,
        baseline_name=baseline.row.name,
        column=None,
        refused=refusal(found, method.row.name, baseline.row.name),
    )


def _factors(candidate: RowGroup, baseline: RowGroup) -> tuple[Difference, ...]:
    mine, theirs = dict(candidate.first.factors), dict(baseline.first.factors)
    return tuple(
        Difference(name, mine.get(name), theirs.get(name))
        for name in dict.fromkeys((*mine, *theirs))
        if mine.get(name) != theirs.get(name)
    )


def _unequal(candidate: RowGroup, baseline: RowGroup) -> tuple[Difference, ...]:
    """Return the conditions that the rows differ in, or else those of the first pair of cells."""
    found = condition_differences(candidate.first, baseline.first)
    # A split's hash may be that of one fold: only a pair of the same fold can compare it.
    if of_rows := tuple(each for each in found if each.name != "split_hash"):
        return of_rows
    theirs = {(cell.train_magnification, cell.unit): cell for cell in baseline.cells}
    for cell in candidate.cells:
        other = theirs.get((cell.train_magnification, cell.unit))
        if other is not None and (of_cells := condition_differences(cell, other)):
            return of_cells
    return ()


def _in_full(comparison: Comparison, unequal: tuple[Difference, ...]) -> Comparison:
    """Name all conditions in a refusal: a table has room for the first ones, this has for all."""
    if not (comparison.refused and unequal):
        return comparison
    names = comparison.candidate_name, comparison.baseline_name
    short, single = refusal(unequal, *names), refusal(unequal[:1], *names)
    full = "; ".join([single, *map(str, unequal[1:])])
    return replace(comparison, refused=comparison.refused.replace(short, full))
