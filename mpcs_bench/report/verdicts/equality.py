"""Claims that two things are equal, or that one reaches the other: held to the margin."""

from __future__ import annotations

import math
from dataclasses import replace

from scipy import stats

from mpcs_bench.report.verdicts.amounts import signed
from mpcs_bench.report.verdicts.case import ALPHA, Case, said
from mpcs_bench.report.verdicts.pairing import Paired
from mpcs_bench.report.verdicts.records import Finding, PairWord
from mpcs_bench.report.verdicts.second import Wanted, second
from mpcs_bench.stats import Equivalence, paired_equivalence

KINDS = ("equality", "reaches")
WORDS: dict[str, PairWord] = {
    "equivalent": "holds",
    "differs": "does not hold",
    "inconclusive": "undecided",
    "out of reach": "out of reach",
}
LEVEL = 100 * (1 - 2 * ALPHA)
"""Of the interval of two one-sided tests, per cent."""


def equality_finding(case: Case, bare: Finding, found: Paired) -> Finding:
    """Hold a subject to its baseline, one-sided tests at 0.05.

    `equality`: within the margin to either side. `reaches`: not the margin below.
    """
    test = paired_equivalence(
        found.differences, found.ratios, margin=case.margin, alpha=ALPHA, unit="fold"
    )
    finding = replace(
        bare,
        difference=test.difference,
        n=test.n,
        reach=test.half_width,
        margin=case.margin,
        smallest_margin=test.half_width,
    )
    if test.interval is None or test.outcome is None or test.p is None:
        why = f"{signed(test.difference)} points in every fold: no variance, hence no test"
        return replace(finding, reason=why)
    finding = replace(finding, low=test.interval.low, high=test.interval.high)
    if case.claim.kind == "reaches":
        return _reaches(case, test, finding)
    finding = replace(finding, p=test.p, support=test.p, against=beyond(test))
    if test.outcome == "equivalent":
        limits = (-case.margin, case.margin)
        return second(case, finding, Wanted(within=limits), LEVEL)
    if test.outcome == "differs":
        why = f"more than {case.margin:g} points apart"
        return said(finding, LEVEL, "does not hold", why)
    return _open(test, finding)


def beyond(test: Equivalence) -> float:
    """Return the p of the difference being larger than the margin, to the side it lies on."""
    distance = (abs(test.difference) - test.margin) / test.standard_error
    return float(stats.t.sf(distance, test.degrees_of_freedom))


def _reaches(case: Case, test: Equivalence, finding: Finding) -> Finding:
    above = (test.difference + test.margin) / test.standard_error
    support = float(stats.t.sf(above, test.degrees_of_freedom))
    against = float(stats.t.cdf(above, test.degrees_of_freedom))
    finding = replace(finding, p=support, support=support, against=against)
    if support <= ALPHA:
        return second(case, finding, Wanted(within=(-case.margin, math.inf)), LEVEL)
    if against <= ALPHA:
        why = f"more than {case.margin:g} points below"
        return said(finding, LEVEL, "does not hold", why)
    return _open(test, finding)


def _open(test: Equivalence, finding: Finding) -> Finding:
    if test.in_reach:
        return said(finding, LEVEL, "undecided", "not shown")
    why = f"{test.half_width:.2f} points are the smallest margin that these folds could show"
    return said(finding, LEVEL, "out of reach", why)
