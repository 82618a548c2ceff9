"""Puts the second question: only where the trained models say so too does a claim hold."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from mpcs_bench.report.verdicts.amounts import signed
from mpcs_bench.report.verdicts.case import Case, said
from mpcs_bench.report.verdicts.records import Finding, PairWord
from mpcs_bench.report.verdicts.trained import LEVEL, TrainedAnswer

BUT = "so over folds, but"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the trained models are to say: a difference to one side, or one within limits.

    `direction` is 1 for above, -1 for below, 0 for either; `within` are limits in points, open to
    a side where they are infinite.
    """

    direction: int = 0
    within: tuple[float, float] | None = None


def second(case: Case, finding: Finding, wanted: Wanted, level: float | None = None) -> Finding:
    """Return what `finding`, which holds over folds, is worth once the trained models were asked.

    `level` is that of its interval, per cent (None: the case's own). Its `support` becomes the
    larger p of the two questions.
    """
    level = case.level if level is None else level
    answer = case.ask(case.subject, case.baseline)
    if answer.finding == "not asked":
        return _one_question(finding, level, answer.reason)
    bound = 0.0
    if wanted.direction:
        found = answer.at(case.alpha)
        if found != ("higher" if wanted.direction > 0 else "lower"):
            word: PairWord = "out of reach" if found == "out of reach" else "undecided"
            why = f"{BUT} of these trained models: {found}"
            return replace(said(finding, level, word, why), trained=found)
        bound = answer.bound
    if wanted.within is not None:
        if answer.low is None or answer.high is None:
            return _one_question(finding, level, "their difference has no interval")
        if not wanted.within[0] < answer.low <= answer.high < wanted.within[1]:
            return _outside(finding, level, answer, wanted.within)
        bound = max(bound, LEVEL / 2)  # one end of a 95 % interval each
    held = said(finding, level, "holds", "so over folds, and of these trained models")
    support = bound if finding.support is None else max(finding.support, bound)
    return replace(held, trained=answer.finding, support=support)


def _one_question(finding: Finding, level: float, reason: str) -> Finding:
    why = f"{BUT} one of the two questions was asked ({reason})"
    return replace(said(finding, level, "undecided", why), one_question=True)


def _outside(
    finding: Finding, level: float, answer: TrainedAnswer, within: tuple[float, float]
) -> Finding:
    low, high = answer.low or 0.0, answer.high or 0.0
    room = within[1] - within[0]
    word: PairWord = "out of reach" if math.isfinite(room) and high - low >= room else "undecided"
    why = f"{BUT} of these trained models not shown (95 % interval {signed(low)} to {signed(high)})"
    return replace(said(finding, level, word, why), trained="not shown")
