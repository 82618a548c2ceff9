"""Means over a row against the cells that they average; how ties were rounded."""

from __future__ import annotations

from fractions import Fraction

from mpcs_bench.report.audit.exact import (
    Exact,
    agreement,
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

    Only ties that rounding half up and half to even treat differently tell the two apart.
    """
    ups: list[MeanCell] = []
    evens: list[MeanCell] = []
    for mean in _all(publication):
        if mean.lacking is not None:
            continue
        printed, _, computed = _numbers(mean)
        up, even = half_up(computed, printed.decimals), half_even(computed, printed.decimals)
        if up != even and printed.value in {up, even}:
            (ups if printed.value == up else evens).append(mean)
    fewer, said, others = (ups, "up", "down") if len(ups) < len(evens) else (evens, "down", "up")
    findings = []
    if ups and evens:
        for mean in fewer:
            printed, _, computed = _numbers(mean)
            findings.append(
                on_cell(
                    mean.cell,
                    TIES,
                    "rounding",
                    shown(computed, printed.decimals + 1),
                    f"The mean of the printed cells is a tie; it is rounded {said} here, and "
                    f"{others} in {max(len(ups), len(evens))} other ties of the publication. "
                    "Binary arithmetic and unrounded cells both do that.",
                )
            )
    return Outcome(tuple(findings), (), len(ups) + len(evens))


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
    if how == "truncation" and printed.value == truncated(computed, decimals):
        return (
            f"{sum_}, which rounds to {rounded}; cut off after {decimals} decimals it is {printed}."
        )
    if how in {"rounding", "truncation"}:
        return f"{sum_}; cells before their own rounding can give {printed}."
    off = abs(printed.value - computed)
    return f"{sum_}; no rounding of the cells gives {printed}, which is {shown(off, 2)} away."


RULES = (
    Rule(ROW_MEANS, "Is each printed mean of a row the mean of its cells?", check_row_means),
    Rule(TIES, "Are ties rounded in one way?", check_ties),
)
