"""What our values say of one pair of a claim: subject minus baseline, paired run by run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scipy import stats

from mpcs_bench.report.verdicts.amounts import signed
from mpcs_bench.report.verdicts.case import Case, said
from mpcs_bench.report.verdicts.equality import KINDS, equality_finding
from mpcs_bench.report.verdicts.pairing import Paired, paired
from mpcs_bench.report.verdicts.records import Finding
from mpcs_bench.report.verdicts.second import Wanted, second
from mpcs_bench.report.verdicts.trained import AskTrained
from mpcs_bench.stats import PairedT, corrected_resampled_t

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import FilledCell
    from mpcs_bench.report.published.records import Claim


def pair_finding(
    claim: Claim, subject: FilledCell, baseline: FilledCell, margin: float, ask: AskTrained
) -> Finding:
    """Return what our values say of one pair: both sides have one.

    `margin`, in points, is what an equality is held to, and by how much a claimed improvement may
    be missed; `ask` puts the second question where the folds alone say that the claim holds.
    """
    bare = Finding(subject.published.name, baseline.published.name, "undecided", "")
    found = paired(subject, baseline)
    if isinstance(found, str):
        return replace(bare, reason=found)
    bare = replace(bare, notes=found.notes)
    if len(found.differences) < 2:
        why = "fewer than two folds have a value on both sides"
        return replace(bare, word="out of reach", reason=why)
    case = Case(claim, subject, baseline, margin, ask)
    if claim.kind in KINDS:
        return equality_finding(case, bare, found)
    return _difference(case, bare, found)


def _difference(case: Case, bare: Finding, found: Paired) -> Finding:
    alpha, direction = case.alpha, case.direction
    test = corrected_resampled_t(found.differences, found.ratios, alpha=alpha, unit="fold")
    low, high = (test.interval.low, test.interval.high) if test.interval else (None, None)
    finding = replace(
        bare,
        difference=test.mean_difference,
        low=low,
        high=high,
        n=test.n,
        p=test.p,
        reach=test.minimum_detectable,
    )
    if test.p is None:
        why = f"{signed(test.mean_difference)} points in every fold: no variance, hence no test"
        return replace(finding, reason=why)
    ahead = direction * test.mean_difference > 0
    support, contrary = (test.p, 1.0) if ahead else (1.0, test.p)
    finding = replace(finding, support=support, against=contrary)
    if case.claimed is not None:
        return _improvement(case, test, finding, case.claimed)
    if contrary <= alpha:
        return said(finding, case.level, "does not hold", "the other way round")
    if support <= alpha:
        return second(case, finding, Wanted(direction))
    if case.claim.kind == "significance":
        return _not_significant(case, test, finding)
    return _open(case, finding, abs(case.printed), "printed")


def _not_significant(case: Case, test: PairedT, finding: Finding) -> Finding:
    """Hold a p above the level to the printed size: only what excludes that is against a claim."""
    against = _further(test, case.direction * (case.printed - test.mean_difference))
    finding = replace(finding, against=against)
    if against <= case.alpha:
        why = f"p is above {case.alpha:g}, and the {abs(case.printed):.2f} points that are printed"
        return said(finding, case.level, "does not hold", f"{why} are excluded")
    return _open(case, finding, abs(case.printed), "printed")


def _improvement(
    case: Case, test: PairedT, finding: Finding, claimed: tuple[float, float]
) -> Finding:
    """Hold an improvement to 0, and to the claimed range with the margin to each side (TOST)."""
    low, high = claimed[0] - case.margin, claimed[1] + case.margin
    mean, error, freedom = test.mean_difference, test.standard_error, test.degrees_of_freedom
    against = _further(test, max(claimed[0] - mean, mean - claimed[1]))
    outside = float(stats.t.sf(min(mean - low, high - mean) / error, freedom))
    support = outside if finding.support is None else max(finding.support, outside)
    half = float(stats.t.isf(case.alpha, freedom)) * error
    least = max(half - (claimed[1] - claimed[0]) / 2, 0.0)
    finding = replace(
        finding, support=support, against=against, margin=case.margin, smallest_margin=least
    )
    if against <= case.alpha:
        return said(finding, case.level, "does not hold", "not what is claimed")
    if support <= case.alpha:
        return second(case, finding, Wanted(case.direction, (low, high)))
    if least >= case.margin:
        why = f"{least:.2f} points are the smallest margin that these folds could show"
        return said(finding, case.level, "out of reach", why)
    return _open(case, finding, max(map(abs, claimed)), "claimed")


def _further(test: PairedT, distance: float) -> float:
    """Return the two-sided p of a difference that lies `distance` from the one seen; else 1."""
    if distance <= 0:
        return 1.0
    return float(2 * stats.t.sf(distance / test.standard_error, test.degrees_of_freedom))


def _open(case: Case, finding: Finding, size: float, whose: str) -> Finding:
    """Say what is neither for nor against a claim: out of reach, or not shown."""
    if finding.reach is not None and finding.reach > size:
        why = f"these folds could have shown {finding.reach:.2f} points at the least, and"
        return said(finding, case.level, "out of reach", f"{why} {size:.2f} are {whose}")
    return said(finding, case.level, "undecided", "not shown")
