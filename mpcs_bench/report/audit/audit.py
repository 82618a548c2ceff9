"""The audit of a publication: all rules, or some of them."""

from __future__ import annotations

from collections.abc import Collection

from mpcs_bench.errors import did_you_mean
from mpcs_bench.report.audit import (
    bold,
    claimed_values,
    confusion,
    grim,
    grimmer,
    improvements,
    naming,
    orderings,
    repeats,
    row_deviations,
    row_means,
    same_value,
    significance,
    units,
)
from mpcs_bench.report.audit.findings import SEVERITIES, Audit, Rule
from mpcs_bench.report.published.records import Publication, PublishedError

RULES: tuple[Rule, ...] = (
    *row_means.RULES,
    *row_deviations.RULES,
    *same_value.RULES,
    *bold.RULES,
    *claimed_values.RULES,
    *improvements.RULES,
    *orderings.RULES,
    *significance.RULES,
    *grim.RULES,
    *grimmer.RULES,
    *confusion.RULES,
    *units.RULES,
    *repeats.RULES,
    *naming.RULES,
)


def audit_publication(
    publication: Publication, rules: Collection[str] = (), severities: Collection[str] = ()
) -> Audit:
    """Return what the rules say of a publication's own numbers (docs/audit.md).

    `rules` and `severities` keep only theirs; all where empty. Raises PublishedError for a rule
    or a severity that there is not.
    """
    known = [rule.id for rule in RULES]
    _check("rule", rules, known)
    _check("severity", severities, list(SEVERITIES))
    outcomes = {rule.id: rule.check(publication) for rule in RULES if not rules or rule.id in rules}
    return Audit(
        publication=publication.id,
        asked={rule.id: rule.asks for rule in RULES if rule.id in outcomes},
        findings=tuple(
            finding
            for outcome in outcomes.values()
            for finding in outcome.findings
            if not severities or finding.severity in severities
        ),
        skipped=tuple(one for outcome in outcomes.values() for one in outcome.skipped),
        checked={name: outcome.checked for name, outcome in outcomes.items()},
    )


def _check(what: str, given: Collection[str], known: list[str]) -> None:
    for name in given:
        if name not in known:
            raise PublishedError(
                f"There is no {what} '{name}'.{did_you_mean(name, known)}",
                hint=f"There are: {', '.join(known)}.",
            )
