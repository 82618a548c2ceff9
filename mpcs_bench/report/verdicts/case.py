"""One pair of a claim with all that judging it needs, and what the claim says of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mpcs_bench.report.verdicts.amounts import POINTS, seen
from mpcs_bench.report.verdicts.records import Finding, PairWord
from mpcs_bench.report.verdicts.trained import AskTrained

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import FilledCell
    from mpcs_bench.report.published.records import Claim, PublishedCell

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Case:
    """A pair of a claim, both sides with a value of ours; `margin` is in percentage points."""

    claim: Claim
    subject: FilledCell
    baseline: FilledCell
    margin: float
    ask: AskTrained

    @property
    def alpha(self) -> float:
        """The level of its tests."""
        return level_of(self.claim)

    @property
    def level(self) -> float:
        """The level of its intervals, per cent."""
        return 100 * (1 - self.alpha)

    @property
    def claimed(self) -> tuple[float, float] | None:
        """The improvement that is claimed, from low to high in points; None where none is."""
        numbers = self.claim.claimed
        scale = POINTS if numbers.unit == "fraction" else 1
        if self.claim.kind == "improvement" and numbers.value is not None:
            around = numbers.plus_minus or 0.0
            return scale * (numbers.value - around), scale * (numbers.value + around)
        if self.claim.kind == "improvement-range" and None not in (numbers.low, numbers.high):
            return scale * (numbers.low or 0.0), scale * (numbers.high or 0.0)
        return None

    @property
    def printed(self) -> float:
        """Subject minus baseline as published, in points."""
        return printed_difference(self.subject.published, self.baseline.published)

    @property
    def direction(self) -> int:
        """1 where the subject is said to be above, -1 where below."""
        if self.claimed is not None:
            return -1 if sum(self.claimed) < 0 else 1
        return -1 if self.claim.kind == "significance" and self.printed < 0 else 1


def level_of(claim: Claim) -> float:
    """Return the level of a claim's tests: the one that it claims, else 0.05."""
    return claim.claimed.p or ALPHA


def printed_difference(subject: PublishedCell, baseline: PublishedCell) -> float:
    """Return subject minus baseline as published, in points; both print a number."""
    mine, theirs = subject.mean or 0.0, baseline.mean or 0.0
    return POINTS * (mine / subject.scale - theirs / baseline.scale)


def said(finding: Finding, level: float, word: PairWord, why: str) -> Finding:
    """Return a finding with its word, and what the folds gave before the reason."""
    return replace(finding, word=word, reason=f"{seen(finding, level)}: {why}")
