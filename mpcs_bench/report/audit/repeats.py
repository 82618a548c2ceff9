"""Printed values that come again in other cells more often than a model of chance expects."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from scipy import stats

from mpcs_bench.report.audit.exact import exact_mean, exact_sd
from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, Skipped, counted
from mpcs_bench.report.published.records import Publication, PublishedCell

REPEATS = "repeats"
RARE = 0.01
MODEL = (
    "The model: each value falls, independently, anywhere within the span of its row or of its "
    "column, whichever is narrower, on the grid of printed values, or of those that the test items "
    "allow where they are declared. A coarser grid, of few test items, makes repeats likelier."
)


@dataclass(frozen=True, slots=True)
class _Value:
    """A printed value, and the span that the model lets it fall in, in steps of its grid."""

    cell: PublishedCell
    key: tuple[Fraction, ...]
    low: Fraction
    high: Fraction
    step: Fraction

    @property
    def places(self) -> Fraction:
        return (self.high - self.low) / self.step + 1


def check_repeats(publication: Publication) -> Outcome:
    """Count equal means in cells of different facts, table by table and between tables.

    Mean columns (they follow from their row) and others' values are left out.
    """
    own = [
        cell
        for cell in publication.cells()
        if cell.mean is not None and not cell.literature and cell.magnification != "mean"
    ]
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    values = [value for cell in own if (value := _placed(cell, own, publication)) is not None]
    for table in publication.tables:
        inside = [value for value in values if value.cell.table == table]
        if len(inside) < 3:
            if any(cell.mean is not None for cell in publication.tables[table].cells):
                skipped.append(Skipped(REPEATS, table, "fewer than 3 values of its own"))
            continue
        findings += _judged(inside, table, lambda one, other: True)
    findings += _judged(values, None, lambda one, other: one.cell.table != other.cell.table)
    return Outcome(tuple(findings), tuple(skipped), len(values))


def _judged(
    values: Sequence[_Value], table: str | None, asked: Callable[[_Value, _Value], bool]
) -> list[Finding]:
    """Return a notice where there are more equal pairs than the model expects."""
    pairs = [
        (one, other)
        for one, other in combinations(values, 2)
        if asked(one, other)
        and one.cell.unit == other.cell.unit
        and one.cell.facts() != other.cell.facts()
    ]
    expected = math.fsum(_chance(one, other) for one, other in pairs)
    equal = [(one, other) for one, other in pairs if one.key[0] == other.key[0]]
    if not equal or float(stats.poisson.sf(len(equal) - 1, expected)) >= RARE:
        return []
    whole = [(one, other) for one, other in equal if len(one.key) > 1 and one.key == other.key]
    groups: dict[Fraction, dict[str, PublishedCell]] = {}
    for pair in equal:
        for value in pair:
            groups.setdefault(value.key[0], {})[value.cell.name] = value.cell
    lines = [
        f"{exact_mean(next(iter(cells.values())))}: "
        + ", ".join(f"{name} ({cell.printed.strip()})" for name, cell in cells.items())
        for cells in sorted(groups.values(), key=len, reverse=True)
    ]
    chance = float(stats.poisson.sf(len(equal) - 1, expected))
    said = "below 0.0001" if chance < 1e-4 else f"{chance:.2g}"
    also = f"; {len(whole)} of them with the same deviation" if whole else ""
    finest = min(float(value.step) for value in values)
    grid = f"As many would be expected on a grid of about {finest * len(equal) / expected:.2g}."
    where = "Between tables" if table is None else "In its cells"
    return [
        Finding(
            rule=REPEATS,
            severity="notice",
            printed=f"{counted(len(equal), 'equal pair')} of means",
            recomputed=f"{expected:.1f} expected",
            explanation=f"{where} {counted(len(groups), 'mean')} come more than once, in "
            f"{counted(len(equal), 'pair')} of {len(pairs)}{also}; so many or more have a "
            f"probability of {said}. {grid} {MODEL}",
            table=table,
            details=tuple(lines),
        )
    ]


def _placed(
    cell: PublishedCell, own: Sequence[PublishedCell], publication: Publication
) -> _Value | None:
    mean, sd = exact_mean(cell), exact_sd(cell)
    if mean is None:
        return None
    spans = []
    for place in ("row", "column"):
        beside = [
            number.value
            for other in own
            if other.table == cell.table
            and getattr(other, place) == getattr(cell, place)
            and (other.unit, other.metric) == (cell.unit, cell.metric)
            and (number := exact_mean(other)) is not None
        ]
        if len(beside) > 1:
            spans.append((min(beside), max(beside)))
    if not spans:
        return None
    low, high = min(spans, key=lambda span: span[1] - span[0])
    items = publication.items_of(cell)
    step = mean.step
    if items is not None and items.sizes:
        grid = max(Fraction(cell.scale, sum(sizes)) for sizes in items.sizes)
        step = max(step, grid)
    key = (mean.value,) if sd is None else (mean.value, sd.value)
    return _Value(cell, key, low, high, step)


def _chance(one: _Value, other: _Value) -> float:
    """Return the model's probability that two values are equal."""
    low, high = max(one.low, other.low), min(one.high, other.high)
    if high < low:
        return 0.0
    step = max(one.step, other.step)
    shared = (high - low) / step + 1
    return min(1.0, float(shared / (one.places * other.places)))


RULES = (Rule(REPEATS, "Do values repeat more often than chance explains?", check_repeats),)
