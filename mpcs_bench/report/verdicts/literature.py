"""Pairs of a claim with rows of other authors: the gap and its sign, and no test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpcs_bench.report.verdicts.amounts import POINTS, signed
from mpcs_bench.report.verdicts.records import Finding, Literature

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import FilledCell
    from mpcs_bench.report.published.records import PublishedCell


def literature_finding(
    subject: PublishedCell, baseline: PublishedCell, ours: FilledCell | None
) -> Finding:
    """Return subject minus baseline where a side, or both, are rows of others' work.

    `ours` is the other side with our value, None where there is none.
    """
    side: Literature = "subject" if subject.literature else "baseline"
    if subject.literature and baseline.literature:
        reason = "both are published rows of others: nothing of ours to hold to them"
        return Finding(subject.name, baseline.name, "undecided", reason, literature="both")
    published = subject if subject.literature else baseline
    if ours is None or ours.ours is None or published.mean is None:
        reason = "no value of ours"
        return Finding(subject.name, baseline.name, "not run", reason, literature=side)
    above = POINTS * (ours.ours.mean - published.mean / published.scale)
    gap = above if side == "baseline" else -above
    return Finding(
        subject.name,
        baseline.name,
        "undecided",
        f"{signed(gap)} points; no test against a published row",
        difference=gap,
        n=len(ours.ours.folds),
        literature=side,
    )
