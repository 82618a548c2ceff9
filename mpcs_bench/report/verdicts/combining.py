"""One verdict from the pairs of a claim, corrected for their number where that could make one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mpcs_bench.report.verdicts.records import ClaimWord, Finding
from mpcs_bench.stats import holm

Quantifier = Literal["all", "some"]


def combined(findings: Sequence[Finding], quantifier: Quantifier, alpha: float) -> ClaimWord:
    """Return the verdict of a claim on `findings`, one for each of its pairs or cells.

    `all`: each must hold, so no p needs a correction; one that is refuted settles it, so these
    are Holm-corrected. `some`: one that holds settles it, so these are; all must be refuted.
    A claim of which no pair has values is not run.
    """
    if all(found.word == "not run" for found in findings):
        return "not run"
    held = [found.word == "holds" for found in findings]
    refuted = [found.word == "does not hold" for found in findings]
    if quantifier == "all":
        refuted = still(refuted, [found.against for found in findings], alpha)
        if any(refuted):
            return "does not hold"
        if all(held):
            return "holds"
    else:
        held = still(held, [found.support for found in findings], alpha)
        if any(held):
            return "holds"
        if all(refuted):
            return "does not hold"
    return _open(findings, quantifier)


def still(shown: Sequence[bool], p: Sequence[float | None], alpha: float) -> list[bool]:
    """Return which of the `shown` remain so once their p are Holm-corrected over all."""
    adjusted = holm(p)
    return [
        was and (after is None or after <= alpha)
        for was, after in zip(shown, adjusted, strict=True)
    ]


def decisive(
    findings: Sequence[Finding], word: ClaimWord, quantifier: Quantifier
) -> Finding | None:
    """Return the pair whose numbers stand for the verdict; None where no pair has any.

    Of a claim about all pairs the weakest that holds, or the clearest against it; of one about
    some the clearest that holds; of an open one the weakest of those that keep it open.
    """
    tested = [found for found in findings if found.difference is not None]
    if word == "does not hold" and quantifier == "all":
        own = [found for found in tested if found.word == "does not hold"]
        return min(own, key=_against, default=None)
    if word == "holds":
        own = [found for found in tested if found.word == "holds"]
        choose = max if quantifier == "all" else min
        return choose(own, key=_support, default=None)
    wanted = "out of reach" if word == "out of reach with this design" else "undecided"
    own = [found for found in tested if found.word == wanted] or tested
    return max(own, key=_weakness, default=None)


def _open(findings: Sequence[Finding], quantifier: Quantifier) -> ClaimWord:
    words = [found.word for found in findings]
    reachless = words.count("out of reach")
    # All must hold: one that cannot be shown is enough. Some: only if none other could be.
    closed = reachless > 0 if quantifier == "all" else "undecided" not in words and reachless > 0
    if closed and "not run" not in words:
        return "out of reach with this design"
    return "undecided"


def _against(finding: Finding) -> float:
    return 1.0 if finding.against is None else finding.against


def _support(finding: Finding) -> float:
    return 1.0 if finding.support is None else finding.support


def _weakness(finding: Finding) -> float:
    """Order tested pairs by p, then untested ones by how far the subject is below."""
    return -(finding.difference or 0.0) if finding.support is None else finding.support
