"""Values that the text gives, against the cells that it gives them for."""

from __future__ import annotations

from mpcs_bench.report.audit.differences import claimed
from mpcs_bench.report.audit.exact import exact_mean
from mpcs_bench.report.audit.findings import Outcome, Rule, on_claim, unsettled
from mpcs_bench.report.published.records import Publication

CLAIMED_VALUES = "claimed-values"


def check_claimed_values(publication: Publication) -> Outcome:
    """Hold each claim of a value to its cells; rounding to the coarser of both is allowed."""
    findings = []
    checked = 0
    for claim in publication.claims:
        if claim.kind != "value":
            continue
        if claim.unchecked is not None or claim.claimed.value is None:
            findings.append(
                unsettled(claim, CLAIMED_VALUES, claim.unchecked or "it gives no value")
            )
            continue
        value = claimed(claim, claim.claimed.value)
        for cell in claim.subject:
            printed = exact_mean(cell)
            if printed is None:
                continue
            checked += 1
            if printed.rounds(value.value) or value.rounds(printed.value):
                continue
            findings.append(
                on_claim(
                    claim,
                    CLAIMED_VALUES,
                    "error",
                    f"{printed}",
                    f"The text gives {value}; {cell.name} prints {printed}.",
                )
            )
    return Outcome(tuple(findings), (), checked)


RULES = (Rule(CLAIMED_VALUES, "Do the tables print what the text gives?", check_claimed_values),)
