"""What our values say of one pair of a claim: subject minus baseline, paired fold by fold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from scipy import stats

from mpcs_bench.report.numbers import counted, probability
from mpcs_bench.report.verdicts.records import Finding, PairWord
from mpcs_bench.report.verdicts.trained import AskTrained
from mpcs_bench.stats import PairedT, corrected_resampled_t, paired_equivalence

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import FilledCell
    from mpcs_bench.report.published.records import Claim, PublishedCell

ALPHA = 0.05
POINTS = 100


class Paired(NamedTuple):
    """Differences in points of the folds that both sides have, and their n_test/n_train."""

    differences: list[float]
    ratios: list[float]


class Case(NamedTuple):
    """A pair of a claim; `direction` is 1 where the subject is said to be above, -1 below."""

    claim: Claim
    subject: FilledCell
    baseline: FilledCell
    alpha: float
    direction: int
    ask: AskTrained


def pair_finding(
    claim: Claim, subject: FilledCell, baseline: FilledCell, margin: float, ask: AskTrained
) -> Finding:
    """Return what our values say of one pair: both sides have one.

    `margin`, in points, is what an `equality` is held to; `ask` puts the second question where
    the folds alone say that the claim holds.
    """
    bare = Finding(subject.published.name, baseline.published.name, "undecided", "")
    paired = _paired(subject, baseline)
    if isinstance(paired, str):
        return replace(bare, reason=paired)
    if len(paired.differences) < 2:
        why = "fewer than two folds have a value on both sides"
        return replace(bare, word="out of reach", reason=why)
    if claim.kind == "equality":
        return _reaches(bare, paired, margin)
    alpha = level_of(claim)
    test = corrected_resampled_t(paired.differences, paired.ratios, alpha=alpha, unit="fold")
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
        why = f"{_signed(test.mean_difference)} points in every fold: no variance, hence no test"
        return replace(finding, reason=why)
    direction = _direction(claim, subject.published, baseline.published)
    support = test.p if direction * test.mean_difference > 0 else 1.0
    finding = replace(finding, support=support, against=_against(claim, test, direction))
    return _judged(Case(claim, subject, baseline, alpha, direction, ask), finding)


def level_of(claim: Claim) -> float:
    """Return the level of a claim's tests: the one that it claims, else 0.05."""
    return claim.claimed.p or ALPHA


def claimed_range(claim: Claim) -> tuple[float, float] | None:
    """Return the improvement that is claimed, from low to high in points; None where none is."""
    numbers = claim.claimed
    scale = POINTS if numbers.unit == "fraction" else 1
    if claim.kind == "improvement" and numbers.value is not None:
        around = numbers.plus_minus or 0.0
        return scale * (numbers.value - around), scale * (numbers.value + around)
    if claim.kind == "improvement-range" and None not in (numbers.low, numbers.high):
        return scale * (numbers.low or 0.0), scale * (numbers.high or 0.0)
    return None


def printed_difference(subject: PublishedCell, baseline: PublishedCell) -> float:
    """Return subject minus baseline as published, in points; both print a number."""
    mine, theirs = subject.mean or 0.0, baseline.mean or 0.0
    return POINTS * (mine / subject.scale - theirs / baseline.scale)


def literature_finding(subject: FilledCell, baseline: PublishedCell) -> Finding:
    """Return the gap between our value and a row of others' work: its sign, and no test."""
    bare = Finding(
        subject.published.name,
        baseline.name,
        "undecided",
        "",
        margin=None,
        literature=True,
    )
    if subject.ours is None or baseline.mean is None:
        return replace(bare, word="not run", reason="no value of ours")
    gap = POINTS * (subject.ours.mean - baseline.mean / baseline.scale)
    return replace(
        bare,
        difference=gap,
        n=len(subject.ours.folds),
        reason=f"{_signed(gap)} points; no test against a published row",
    )


def _paired(subject: FilledCell, baseline: FilledCell) -> Paired | str:
    mine, theirs = subject.ours, baseline.ours
    if mine is None or theirs is None:
        return "a side has no value of ours"
    folds = sorted(mine.folds.keys() & theirs.folds.keys())
    for fold in folds:
        one, two = mine.splits.get(fold), theirs.splits.get(fold)
        if one is None or two is None or one != two:
            return f"fold {fold[1]}: nothing says that both sides were split alike"
    if any(fold not in side.ratios for side in (mine, theirs) for fold in folds):
        return "n_test/n_train is unknown: a cell does not say how many groups it has"
    return Paired(
        [POINTS * (mine.folds[fold] - theirs.folds[fold]) for fold in folds],
        [(mine.ratios[fold] + theirs.ratios[fold]) / 2 for fold in folds],
    )


def _direction(claim: Claim, subject: PublishedCell, baseline: PublishedCell) -> int:
    """Return 1 where the subject is said to be above, -1 below."""
    if (claimed := claimed_range(claim)) is not None:
        return -1 if sum(claimed) < 0 else 1
    if claim.kind == "significance":
        return -1 if printed_difference(subject, baseline) < 0 else 1
    return 1


def _against(claim: Claim, test: PairedT, direction: int) -> float:
    """Return the p of the claim's contrary: of the other direction, or of being off its range."""
    found = 1.0 if direction * test.mean_difference >= 0 else (test.p or 0.0)
    claimed = claimed_range(claim)
    if claimed is None:
        return found
    off = max(claimed[0] - test.mean_difference, test.mean_difference - claimed[1], 0.0)
    return float(2 * stats.t.sf(off / test.standard_error, test.degrees_of_freedom)) if off else 1.0


def _judged(case: Case, finding: Finding) -> Finding:
    """Say what one pair says: against the claim, for it, out of reach, or neither."""
    claimed = claimed_range(case.claim)
    printed = abs(printed_difference(case.subject.published, case.baseline.published))
    size = max(map(abs, claimed)) if claimed else printed
    alpha = case.alpha
    if _or(finding.against, 1.0) <= alpha:
        off = claimed and case.direction * _or(finding.difference, 0.0) > 0
        why = "not what is claimed" if off else "the other way round"
        return _said(finding, alpha, "does not hold", why)
    if _or(finding.support, 1.0) <= alpha:
        return _second(case, finding)
    if _or(finding.reach, 0.0) > size:
        why = (
            f"these folds could have shown {finding.reach:.2f} points at the least, and "
            f"{size:.2f} are {'claimed' if claimed else 'printed'}"
        )
        return _said(finding, alpha, "out of reach", why)
    if case.claim.kind == "significance":
        # In reach, and p is not below the level: just what is claimed, and it is not so here.
        above = _said(finding, alpha, "does not hold", f"p is not below {alpha:g}")
        return replace(above, against=None)
    return _said(finding, alpha, "undecided", "not shown")


def _second(case: Case, finding: Finding) -> Finding:
    """Put the second question: only where trained models say so too does a claim hold."""
    answer = case.ask(case.subject, case.baseline)
    wanted = "higher" if case.direction > 0 else "lower"
    if answer.finding == "not asked":
        why = f"so over folds, but one of the two questions was asked ({answer.reason})"
        return replace(_said(finding, case.alpha, "undecided", why), one_question=True)
    word: PairWord = "out of reach" if answer.finding == "out of reach" else "undecided"
    why = f"so over folds, but of these trained models: {answer.finding}"
    if answer.finding == wanted:
        word, why = "holds", "so over folds, and of these trained models"
    return replace(_said(finding, case.alpha, word, why), trained=answer.finding)


def _said(finding: Finding, alpha: float, word: PairWord, why: str) -> Finding:
    return replace(finding, word=word, reason=f"{_seen(finding, 100 * (1 - alpha))}: {why}")


def _reaches(bare: Finding, paired: Paired, margin: float) -> Finding:
    """Hold a subject to its baseline less the margin, by one-sided tests at 0.05."""
    test = paired_equivalence(paired.differences, paired.ratios, margin=margin, alpha=ALPHA)
    finding = replace(
        bare, difference=test.difference, n=test.n, reach=test.half_width, margin=margin
    )
    if test.interval is None or test.half_width is None:
        why = f"{_signed(test.difference)} points in every fold: no variance, hence no test"
        return replace(finding, reason=why)
    above = (test.difference + margin) / test.standard_error
    freedom = test.degrees_of_freedom
    support, against = float(stats.t.sf(above, freedom)), float(stats.t.cdf(above, freedom))
    finding = replace(
        finding,
        low=test.interval.low,
        high=test.interval.high,
        p=support,
        support=support,
        against=against,
    )
    seen = _seen(finding, 90)
    if support <= ALPHA:
        return replace(finding, word="holds", reason=f"{seen}: not {margin:g} points below")
    if against <= ALPHA:
        return replace(
            finding, word="does not hold", reason=f"{seen}: more than {margin:g} points below"
        )
    if test.half_width >= margin:
        least = f"{test.half_width:.2f} points are the smallest margin that these folds could show"
        return replace(finding, word="out of reach", reason=f"{seen}: {least}")
    return replace(finding, word="undecided", reason=f"{seen}: not shown")


def _seen(finding: Finding, level: float) -> str:
    low, high = _signed(finding.low), _signed(finding.high)
    folds = counted(finding.n or 0, "fold")
    return (
        f"{_signed(finding.difference)} points over {folds} "
        f"({level:g} % interval {low} to {high}, p {probability(finding.p)})"
    )


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def _signed(value: float | None) -> str:
    return "0.00" if value is None else f"{value:+.2f}".replace("-", "−")
