"""Amounts of verdicts, in percentage points, and how sentences write them."""

from __future__ import annotations

from mpcs_bench.report.numbers import counted, probability
from mpcs_bench.report.verdicts.records import Finding

POINTS = 100


def signed(value: float | None) -> str:
    """Return an amount in points with its sign, 0.00 where there is none."""
    return "0.00" if value is None else f"{value:+.2f}".replace("-", "−")


def seen(finding: Finding, level: float) -> str:
    """Return what the folds gave: the difference, its interval of `level` per cent, p."""
    folds = counted(finding.n or 0, "fold")
    return (
        f"{signed(finding.difference)} points over {folds} ({level:g} % interval "
        f"{signed(finding.low)} to {signed(finding.high)}, p {probability(finding.p)})"
    )
