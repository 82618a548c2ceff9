"""Names that do not go together: a method with two references, experiments without results."""

from __future__ import annotations

import re

from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, Skipped, on_cell
from mpcs_bench.report.published.records import Publication, PublishedCell

CITATIONS = "citations"
EXPERIMENTS = "experiments"
_RANGE = re.compile(
    r"\b(exp)\w*[-. ]?(\d+)(?:\s*(?:to|–|-|~)\s*(?:exp\w*[-. ]?)?(\d+))?", re.IGNORECASE
)
_NUMBERED = re.compile(r"(?P<series>.*?)(?P<number>\d+)")


def check_citations(publication: Publication) -> Outcome:
    """Hold each method quoted from other works to one reference."""
    first: dict[str, PublishedCell] = {}
    told: set[tuple[str, str]] = set()
    findings: list[Finding] = []
    for cell in publication.cells():
        if not cell.literature or cell.method is None or cell.citation is None:
            continue
        known = first.setdefault(cell.method, cell)
        if known.citation == cell.citation or (cell.method, cell.citation) in told:
            continue
        told.add((cell.method, cell.citation))
        titles = "; ".join(
            f"[{key}] {publication.references[key].citation}"
            for key in (known.citation or "", cell.citation)
        )
        findings.append(
            on_cell(
                cell,
                CITATIONS,
                "notice",
                f"[{known.citation}]",
                f"{known.table} gives '{cell.method}' the reference [{known.citation}], "
                f"{cell.table} gives it [{cell.citation}]. {titles}",
                printed=f"{cell.method} [{cell.citation}]",
            )
        )
    return Outcome(tuple(findings), (), len(first))


def check_experiments(publication: Publication) -> Outcome:
    """Hold the experiments that captions and quotes name to those that the tables print.

    Numbers that are missing in a series are told, too.
    """
    printed = {cell.experiment for cell in publication.cells() if cell.experiment is not None}
    if not printed:
        return Outcome((), (Skipped(EXPERIMENTS, "all cells", "no cell names an experiment"),), 0)
    findings: list[Finding] = []
    texts = [
        *((table.caption, table.id, None) for table in publication.tables.values()),
        *((claim.quote, None, claim.id) for claim in publication.claims),
    ]
    named = 0
    for text, table, claim in texts:
        for match in _RANGE.finditer(text):
            low, high = int(match[2]), int(match[3] or match[2])
            wanted = [f"exp-{number}" for number in range(low, high + 1)]
            named += len(wanted)
            lacking = [name for name in wanted if name not in printed]
            if lacking:
                findings.append(
                    Finding(
                        rule=EXPERIMENTS,
                        severity="notice",
                        printed=match[0],
                        recomputed=f"no {', '.join(lacking)}",
                        explanation=f"The text names {match[0]}; no cell of a table is of "
                        f"{', '.join(lacking)}.",
                        table=table,
                        claim=claim,
                    )
                )
    findings += _gaps(printed)
    return Outcome(tuple(findings), (), len(printed) + named)


def _gaps(printed: set[str]) -> list[Finding]:
    series: dict[str, set[int]] = {}
    for name in printed:
        match = _NUMBERED.fullmatch(name)
        if match is not None:
            series.setdefault(match["series"], set()).add(int(match["number"]))
    found = []
    for name, numbers in sorted(series.items()):
        gaps = [n for n in range(min(numbers), max(numbers)) if n not in numbers]
        if gaps:
            listed = ", ".join(f"{name}{n}" for n in gaps)
            found.append(
                Finding(
                    rule=EXPERIMENTS,
                    severity="notice",
                    printed=f"{name}{min(numbers)} to {name}{max(numbers)}",
                    recomputed=f"no {listed}",
                    explanation=f"The numbers of the experiments skip {listed}.",
                )
            )
    return found


RULES = (
    Rule(CITATIONS, "Has each quoted method one reference?", check_citations),
    Rule(EXPERIMENTS, "Have the experiments that the text names results?", check_experiments),
)
