"""What our value says of a claimed one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy import stats

from mpcs_bench.report.verdicts.cells import against_published, untested
from mpcs_bench.report.verdicts.records import Finding, PairWord
from mpcs_bench.stats import Equivalence

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import FilledCell
    from mpcs_bench.report.published.records import Claim

WORDS: dict[str, PairWord] = {
    "equivalent": "holds",
    "differs": "does not hold",
    "inconclusive": "undecided",
    "out of reach": "out of reach",
}


def value_finding(claim: Claim, cell: FilledCell, folds: int | None, margin: float) -> Finding:
    """Hold our value of a cell to the claimed one, with the cell's own standard deviation.

    `folds` is over how many that is; `margin` is in percentage points.
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
        against=_beyond(test),
        reach=test.half_width,
        margin=margin,
    )


def _beyond(test: Equivalence) -> float:
    """Return the p of the difference being larger than the margin."""
    distance = (abs(test.difference) - test.margin) / test.standard_error
    return float(stats.t.sf(distance, test.degrees_of_freedom))


def _reason(test: Equivalence) -> str:
    sign = f"{test.difference:+.2f}".replace("-", "−")
    text = f"ours is {sign} points from it ({test.outcome} within {test.margin:g} points"
    return f"{text}; {test.half_width or 0:.2f} is the smallest margin that could be shown)"
