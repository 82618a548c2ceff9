"""Printed values that come again in other cells more often than a model of chance expects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from mpcs_bench.report.audit.exact import Exact, exact_mean, exact_sd
from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, Skipped, counted
from mpcs_bench.report.audit.repeats_model import DRAWS, Placed, repeats
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
    """A printed value, its deviation if any, and where the model lets it fall."""

    cell: PublishedCell
    mean: Exact
    sd: Exact | None
    placed: Placed


def check_repeats(publication: Publication) -> Outcome:
    """Count the means that come again in cells of other facts, table by table and between tables.

    Mean columns (they follow from their row) and others' values are left out.
    """
    own = [
        cell
        for cell in publication.cells()
        if cell.mean is not None and not cell.literature and cell.magnification != "mean"
    ]
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    values = [value for cell in own if (value := _value(cell, own, publication)) is not None]
    for table in publication.tables:
        inside = [value for value in values if value.cell.table == table]
        if len(inside) < 3:
            if any(cell.mean is not None for cell in publication.tables[table].cells):
                skipped.append(Skipped(REPEATS, table, "fewer than 3 values of its own"))
            continue
        findings += _judged(inside, table)
    findings += _judged(values, None)
    return Outcome(tuple(findings), tuple(skipped), len(values))


def _judged(values: Sequence[_Value], table: str | None) -> list[Finding]:
    """Return a notice for each unit in which more means repeat than the model expects."""
    units = dict.fromkeys(value.cell.unit for value in values)
    found = (_of_unit([v for v in values if v.cell.unit == unit], table) for unit in units)
    return [finding for finding in found if finding is not None]


def _of_unit(values: Sequence[_Value], table: str | None) -> Finding | None:
    equal = [
        (one, other)
        for one, other in combinations(values, 2)
        if one.mean.value == other.mean.value
        and one.cell.facts() != other.cell.facts()
        and (table is not None or one.cell.table != other.cell.table)
    ]
    if not equal:
        return None
    model = repeats([value.placed for value in values], between=table is None)
    if model.p >= RARE:
        return None
    alike = sum(one.sd is not None and one.sd == other.sd for one, other in equal)
    also = f", {alike} of them with the same deviation" if alike else ""
    coarse = "none up to 100 times as coarse" if model.grid is None else f"one of {model.grid:g}"
    share = _share(model.p)
    means = counted(len({one.mean.value for one, _ in equal}), "mean")
    pairs = f"{counted(len(equal), 'equal pair')}{also}"
    where = f"Repeated between tables: {means} ({pairs})."
    if table is not None:
        beyond = counted(model.found, "cell")
        where = f"Repeated in its cells: {means}, by {beyond} beyond the first ({pairs})."
    return Finding(
        rule=REPEATS,
        severity="notice",
        printed=f"{counted(model.found, 'repeated mean')}",
        recomputed=f"{model.expected:.1f} expected",
        explanation=f"{where} So many or more come in {share} of {DRAWS:,} drawn from the "
        f"model, on a grid of {_finest(values):g}; so many are to be expected on {coarse}. {MODEL}",
        table=table,
        details=tuple(_lines(equal)),
    )


def _share(p: float) -> str:
    """Return how many of the drawn tables p counts; the printed one counts in p as well."""
    return f"{round(p * (DRAWS + 1)) - 1:,}" if p > 1 / DRAWS else "none"


def _finest(values: Iterable[_Value]) -> float:
    return min(float(value.placed.step) for value in values)


def _lines(equal: Iterable[tuple[_Value, _Value]]) -> list[str]:
    groups: dict[Fraction, dict[str, PublishedCell]] = {}
    shown: dict[Fraction, str] = {}
    for pair in equal:
        for value in pair:
            groups.setdefault(value.mean.value, {})[value.cell.name] = value.cell
            shown.setdefault(value.mean.value, str(value.mean))
    return [
        f"{shown[mean]}: "
        + ", ".join(f"{name} ({cell.printed.strip()})" for name, cell in cells.items())
        for mean, cells in sorted(groups.items(), key=lambda item: len(item[1]), reverse=True)
    ]


def _value(
    cell: PublishedCell, own: Sequence[PublishedCell], publication: Publication
) -> _Value | None:
    mean = exact_mean(cell)
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
    placed = Placed(cell.facts(), cell.table, mean.value, low, high, step, mean.decimals)
    return _Value(cell, mean, exact_sd(cell), placed)


RULES = (Rule(REPEATS, "Do values repeat more often than chance explains?", check_repeats),)
