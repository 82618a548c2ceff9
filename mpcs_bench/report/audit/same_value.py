"""The same thing printed in two tables: the same value?"""

from __future__ import annotations

from itertools import combinations

from mpcs_bench.report.audit.exact import Exact, exact_mean, exact_sd
from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, on_cell
from mpcs_bench.report.published.records import Publication, PublishedCell

SAME_VALUE = "same-value"


def check_same_value(publication: Publication) -> Outcome:
    """Hold cells of one method, metric and conditions in different tables to each other.

    One may be printed with fewer decimals; then it is the other, rounded.
    """
    alike: dict[tuple[object, ...], list[PublishedCell]] = {}
    for cell in publication.cells():
        if cell.mean is not None:
            alike.setdefault((*cell.facts(), cell.unit), []).append(cell)
    findings: list[Finding] = []
    checked = 0
    for cells in alike.values():
        for one, other in combinations(cells, 2):
            checked += 1
            wrong = [
                f"{name} {mine} and {theirs}"
                for name, mine, theirs in (
                    ("mean", exact_mean(one), exact_mean(other)),
                    ("deviation", exact_sd(one), exact_sd(other)),
                )
                if mine is not None and theirs is not None and not _same(mine, theirs)
            ]
            if wrong:
                text = f"{one.name} prints the same method, metric and conditions: "
                findings.append(
                    on_cell(
                        other,
                        SAME_VALUE,
                        "error",
                        one.printed.strip(),
                        f"{text}{'; '.join(wrong)}.",
                    )
                )
    return Outcome(tuple(findings), (), checked)


def _same(one: Exact, other: Exact) -> bool:
    coarse, fine = sorted((one, other), key=lambda number: number.decimals)
    return coarse.rounds(fine.value)


RULES = (
    Rule(SAME_VALUE, "Do two tables print the same value for the same thing?", check_same_value),
)
