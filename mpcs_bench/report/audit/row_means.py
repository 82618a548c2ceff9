"""Means over a row against the cells that they average; how ties were rounded."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from mpcs_bench.report.audit.exact import (
    Exact,
    agreement,
    before_rounding,
    exact_mean,
    half_even,
    half_up,
    shown,
    truncated,
)
from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, Skipped, on_cell
from mpcs_bench.report.audit.mean_columns import MeanCell, mean_cells
from mpcs_bench.report.published.records import Publication

ROW_MEANS = "row-means"
TIES = "ties"
WAYS: dict[str, Callable[[Fraction, int], Fraction]] = {
    "half up": half_up,
    "half to even": half_even,
    "half down": truncated,
}
"""What each way of rounding makes of a tie (of numbers that are not negative)."""


def check_row_means(publication: Publication) -> Outcome:
    """Hold each Mean cell to the mean of its row's printed cells."""
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    checked = 0
    for mean in _all(publication):
        if mean.lacking is not None:
            skipped.append(Skipped(ROW_MEANS, mean.cell.name, mean.lacking))
            continue
        checked += 1
        printed, parts, computed = _numbers(mean)
        how = agreement(printed, computed, parts)
        if how != "exact":
            findings.append(
                on_cell(
                    mean.cell,
                    ROW_MEANS,
                    how,
                    shown(computed, printed.decimals + 2),
                    _explained(how, printed, computed, parts),
                )
            )
    return Outcome(tuple(findings), tuple(skipped), checked)


def check_ties(publication: Publication) -> Outcome:
    """Hold the ties among the Mean cells to one way of rounding them.

    The way that explains most of them is taken; those that it does not explain are told.
    """
    ties: list[tuple[MeanCell, Exact, Fraction]] = []
    for mean in _all(publication):
        if mean.lacking is None:
            printed, _, computed = _numbers(mean)
            if abs(printed.value - computed) == printed.half:
                ties.append((mean, printed, computed))

    def explained(way: str) -> int:
        return sum(p.value == WAYS[way](c, p.decimals) for _, p, c in ties)

    way = max(WAYS, key=explained)
    findings = [
        on_cell(
            mean.cell,
            TIES,
            "rounding",
            shown(computed, printed.decimals + 1),
            f"The mean of the printed cells is a tie. Rounding {way} explains {explained(way)} of "
            f"the publication's {len(ties)} ties; here it gives "
            f"{shown(WAYS[way](computed, printed.decimals), printed.decimals)}. Binary arithmetic "
            "and unrounded cells both do that.",
        )
        for mean, printed, computed in ties
        if printed.value != WAYS[way](computed, printed.decimals)
    ]
    return Outcome(tuple(findings), (), len(ties))


def _all(publication: Publication) -> list[MeanCell]:
    return [mean for table in publication.tables.values() for mean in mean_cells(table)]


def _numbers(mean: MeanCell) -> tuple[Exact, list[Exact], Fraction]:
    printed = exact_mean(mean.cell)
    parts = [number for part in mean.parts if (number := exact_mean(part)) is not None]
    assert printed is not None  # a MeanCell prints a number
    return printed, parts, sum((part.value for part in parts), Fraction(0)) / len(parts)


def _explained(how: str, printed: Exact, computed: Fraction, parts: list[Exact]) -> str:
    decimals = printed.decimals
    total = " + ".join(str(part) for part in parts)
    sum_ = f"({total}) / {len(parts)} = {shown(computed, decimals + 2)}"
    rounded = shown(half_up(computed, decimals), decimals)
    if how == "truncation" and printed.truncates(computed):
        unrounded = before_rounding(printed, computed, parts)
        also = " Unrounded cells can give that, too." if unrounded else ""
        return (
            f"{sum_}, which rounds to {rounded}; cut off after {decimals} decimals it is "
            f"{printed}.{also}"
        )
    if how == "truncation":
        return f"{sum_}; cells or a mean that were cut off can give {printed}."
    if how == "rounding":
        return f"{sum_}; cells before their own rounding can give {printed}."
    off = abs(printed.value - computed)
    return (
        f"{sum_}; no cells that round, or are cut off, to these give {printed}, which is "
        f"{shown(off, decimals)} away."
    )


RULES = (
    Rule(ROW_MEANS, "Is each printed mean of a row the mean of its cells?", check_row_means),
    Rule(TIES, "Are ties rounded in one way?", check_ties),
)
