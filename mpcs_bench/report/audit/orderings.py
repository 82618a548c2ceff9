"""Claims that one thing is above, best, or as good as another, against the printed cells."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mpcs_bench.report.audit.differences import (
    Difference,
    Reading,
    differences,
    named,
    readings,
    span,
    widest,
)
from mpcs_bench.report.audit.exact import shown
from mpcs_bench.report.audit.findings import (
    Finding,
    Outcome,
    Rule,
    Severity,
    counted,
    on_claim,
    unsettled,
)
from mpcs_bench.report.published.records import Claim, Publication

ORDERINGS = "claimed-orderings"
KINDS = ("ordering", "outperforms", "equality", "reaches")
SAYS_ALL = re.compile(r"\b(all|each|every|both|always|consistently)\b", re.IGNORECASE)
"""Words that speak of every cell; a claim with one of them does not hold by one reading alone."""


def check_orderings(publication: Publication) -> Outcome:
    """Count, claim by claim, the printed comparisons that go as claimed, and list the others."""
    findings: list[Finding] = []
    checked = 0
    for claim in publication.claims:
        if claim.kind not in KINDS:
            continue
        found = differences(claim)
        if claim.unchecked is not None or not found:
            why = claim.unchecked or "no two printed cells can be compared"
            findings.append(unsettled(claim, ORDERINGS, why))
            continue
        checked += 1
        reached = claim.kind in ("equality", "reaches")
        finding = _reaches(claim, found) if reached else _above(claim, found)
        if finding is not None:
            findings.append(finding)
    return Outcome(tuple(findings), (), checked)


def _above(claim: Claim, found: tuple[Difference, ...]) -> Finding | None:
    below = [each for each in found if each.value < 0]
    equal = [each for each in found if each.value == 0]
    if not below and not equal:
        return None
    above = len(found) - len(below) - len(equal)
    holding = widest(
        reading
        for reading in readings(found)
        if len(reading.differences) > 1 and all(each.value > 0 for each in reading.differences)
    )
    word = SAYS_ALL.search(claim.quote)
    if claim.quantifier == "some" and above:
        severity: Severity = "notice"
    elif any(-each.value > each.slack for each in below):
        severity = "notice" if holding and word is None else "error"
    else:
        severity = "rounding" if below else "notice"
    ties = f", in {len(equal)} it is equal" if equal else ""
    return on_claim(
        claim,
        ORDERINGS,
        severity,
        f"{above} of {len(found)}",
        f"Of {counted(len(found), 'printed comparison')} {above} go as claimed; in {len(below)} "
        f"the baseline is above{ties}.{_largest(below)}{_held(holding, word)}",
        details=tuple(map(str, [*below, *equal])),
    )


def _reaches(claim: Claim, found: Sequence[Difference]) -> Finding | None:
    """'Matches', 'is competitive': without a margin only the shortfalls can be stated."""
    below = [each for each in found if each.value < 0]
    if not below:
        return None
    return on_claim(
        claim,
        ORDERINGS,
        "undetermined",
        f"{len(found) - len(below)} of {len(found)}",
        f"In {len(found) - len(below)} of {counted(len(found), 'printed comparison')} the subject "
        f"reaches the baseline. The text gives no margin within which a shortfall would still "
        f"count as equal. The differences run from {span(found)}.{_largest(below)}",
        details=tuple(map(str, below)),
    )


def _held(holding: Sequence[Reading], word: re.Match[str] | None) -> str:
    if not holding:
        return ""
    says = f"; but the text says '{word[0]}'" if word is not None else ""
    return f" All that are about {named(holding)} go as claimed{says}."


def _largest(below: Sequence[Difference]) -> str:
    if not below:
        return ""
    worst = min(below, key=lambda each: each.value)
    gap = shown(-worst.value, worst.decimals)
    return f" The largest shortfall is {gap}: {worst.subject.name} against {worst.baseline.name}."


RULES = (
    Rule(
        ORDERINGS,
        "Do the printed cells stand in the order that the text says?",
        check_orderings,
    ),
)
