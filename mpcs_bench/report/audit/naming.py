"""Names that do not go together: a method with two references, experiments without results."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, Skipped, on_cell
from mpcs_bench.report.published.records import Publication, PublishedCell

CITATIONS = "citations"
EXPERIMENTS = "experiments"
_RANGE = r"\b{stem}\w*[-. ]?(\d+)(?:\s*(?:to|–|-|~)\s*(?:{stem}\w*[-. ]?)?(\d+))?"
"""`Exp-3`, `experiments 1 to 4`: a word that begins as the names of a series do, and numbers."""
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

    How a text names them is learnt from the tables: `exp-3` is of the series `exp-`. Numbers that
    are missing in a series are told, too.
    """
    printed = {cell.experiment for cell in publication.cells() if cell.experiment is not None}
    if not printed:
        return Outcome((), (Skipped(EXPERIMENTS, "all cells", "no cell names an experiment"),), 0)
    series = _series(printed)
    findings: list[Finding] = []
    texts = [
        *((table.caption, table.id, None) for table in publication.tables.values()),
        *((claim.quote, None, claim.id) for claim in publication.claims),
    ]
    named = 0
    for text, table, claim in texts:
        for name, match in _named(text, series):
            low, high = int(match[1]), int(match[2] or match[1])
            wanted = range(low, high + 1)
            named += len(wanted)
            lacking = [f"{name}{number}" for number in wanted if number not in series[name]]
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
    findings += _gaps(series)
    return Outcome(tuple(findings), (), len(printed) + named)


def _series(printed: set[str]) -> dict[str, set[int]]:
    """Return the numbers of each series of names: `exp-1` and `exp-2` are 1 and 2 of `exp-`."""
    series: dict[str, set[int]] = {}
    for name in sorted(printed):
        match = _NUMBERED.fullmatch(name)
        if match is not None:
            series.setdefault(match["series"], set()).add(int(match["number"]))
    return series


def _named(text: str, series: dict[str, set[int]]) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield what names experiments in a text, each with its series."""
    for name in series:
        stem = name.rstrip("-_. ")
        if stem:
            pattern = _RANGE.format(stem=re.escape(stem))
            yield from ((name, match) for match in re.finditer(pattern, text, re.IGNORECASE))


def _gaps(series: dict[str, set[int]]) -> list[Finding]:
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
