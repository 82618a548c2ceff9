"""Deviations that look as if they were in another unit than their mean."""

from __future__ import annotations

from fractions import Fraction

from mpcs_bench.report.audit.exact import exact_sd, shown
from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, Skipped, on_cell
from mpcs_bench.report.published.records import Publication, PublishedCell

UNITS = "units"
FEWEST = 3
APART = 10
"""How many times nearer to its peers a deviation must be when taken in the other unit."""


def check_units(publication: Publication) -> Outcome:
    """Look for a deviation that stands apart from those of its table and would not in the other
    unit: a fraction among percent, or percent among fractions."""
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    checked = 0
    groups: dict[tuple[object, ...], list[PublishedCell]] = {}
    for cell in publication.cells():
        if cell.sd is not None and cell.unit in ("percent", "fraction"):
            key = (cell.table, cell.unit, cell.metric, cell.literature)
            groups.setdefault(key, []).append(cell)
    for (table, unit, metric, _), cells in groups.items():
        if len(cells) <= FEWEST:
            what = f"{table}, {metric} in {unit}"
            skipped.append(Skipped(UNITS, what, "too few deviations to compare with"))
            continue
        checked += len(cells)
        for cell in cells:
            finding = _of_cell(cell, [other for other in cells if other is not cell])
            if finding is not None:
                findings.append(finding)
    return Outcome(tuple(findings), tuple(skipped), checked)


def _of_cell(cell: PublishedCell, peers: list[PublishedCell]) -> Finding | None:
    printed = exact_sd(cell)
    numbers = sorted(sd.value for peer in peers if (sd := exact_sd(peer)) is not None)
    if printed is None or printed.value == 0 or numbers[0] == 0:
        return None
    factor = Fraction(100) if cell.unit == "percent" else Fraction(1, 100)
    other = printed.value * factor
    low, high = numbers[0], numbers[-1]
    apart = printed.value * APART <= low if factor > 1 else printed.value >= high * APART
    if not apart or not low / 2 <= other <= high * 2:
        return None
    unit = "fraction" if cell.unit == "percent" else "percentage"
    return on_cell(
        cell,
        UNITS,
        "notice",
        f"±{shown(other, printed.decimals)}",
        f"The other deviations of this kind in the table run from {shown(low, 2)} to "
        f"{shown(high, 2)}; taken as a {unit}, ±{printed} would be ±{shown(other, 2)}, among them.",
        printed=f"±{printed}",
    )


RULES = (Rule(UNITS, "Is a deviation in the unit of its mean?", check_units),)
