"""What our value says of a claimed one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpcs_bench.report.verdicts.amounts import signed
from mpcs_bench.report.verdicts.cells import against_published, untested
from mpcs_bench.report.verdicts.equality import WORDS, beyond
from mpcs_bench.report.verdicts.records import Finding
from mpcs_bench.stats import Equivalence

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import FilledCell
    from mpcs_bench.report.published.records import Claim


def value_finding(claim: Claim, cell: FilledCell, folds: int | None, margin: float) -> Finding:
    """Hold our value of a cell to the claimed one, with the cell's own standard deviation.

    `folds` is over how many that is; `margin` is in percentage points. One question only: a
    published value has no trained models behind it that ours could be paired with.
    """
    published, ours = cell.published, cell.ours
    if ours is None or claim.claimed.value is None:
        return Finding(published.name, None, "not run", "no value of ours")
    scale = {"fraction": 1, "percent": 100}.get(claim.claimed.unit or "", published.scale)
    claimed = claim.claimed.value / scale * published.scale
    test = against_published(ours, published, claimed, folds, margin)
    if test is None or test.outcome is None:
        return Finding(published.name, None, "out of reach", untested(ours, published, folds))
    low, high = (test.interval.low, test.interval.high) if test.interval else (None, None)
    return Finding(
        published.name,
        None,
        WORDS[test.outcome],
        _reason(test),
        difference=test.difference,
        low=low,
        high=high,
        n=test.n,
        p=test.p,
        support=test.p,
        against=beyond(test),
        reach=test.half_width,
        margin=margin,
        smallest_margin=test.half_width,
    )


def _reason(test: Equivalence) -> str:
    text = f"ours is {signed(test.difference)} points from it"
    least = f"{test.half_width or 0:.2f} is the smallest margin that could be shown"
    return f"{text} ({test.outcome} within {test.margin:g} points; {least})"
