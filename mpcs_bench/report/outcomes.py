"""The comparisons of a report as rows for the store's `comparison` view."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from mpcs_bench.report.model import Comparison, Report
from mpcs_bench.stats import PairedT, SignFlip

NO_MAGNIFICATION = 0
"""What the store writes where no single magnification is meant."""

_NUMBERS = (
    "unit",
    "method",
    "n",
    "mean_difference",
    "interval_low",
    "interval_high",
    "statistic",
    "p",
    "p_adjusted",
    "smallest_p",
    "note",
)


def comparison_rows(report: Report) -> list[dict[str, Any]]:
    """Return one row for each test that was made, in the columns of the view `comparison`.

    Differences and intervals are proportions, candidate minus baseline. `magnification` is the
    test magnification, 0 for the mean over magnifications or a data set without any; `unit`
    tells these apart, and the data sets where there are several. What was refused has one row
    without numbers, with the reason in `note`.
    """
    several = len({block.dataset for block in report.blocks}) > 1
    rows = []
    for block in report.blocks:
        for comparison in block.comparisons:
            place = _place(comparison, block.dataset if several else None)
            for outcome in _outcomes(comparison):
                row = _numbers(comparison, outcome)
                rows.append(
                    {
                        "protocol": report.protocol,
                        "baseline": comparison.baseline,
                        "candidate": comparison.candidate,
                        "metric": block.metric.name,
                        "magnification": _magnification(comparison),
                        **row,
                        "unit": f"{row['unit']}{place}",
                        "computed_at": report.created.astimezone(UTC).replace(tzinfo=None),
                    }
                )
    return rows


def _magnification(comparison: Comparison) -> int:
    column = comparison.column
    return NO_MAGNIFICATION if column is None or column.test is None else column.test


def _place(comparison: Comparison, dataset: str | None) -> str:
    parts = [f"of {dataset}"] if dataset else []
    if comparison.column is None:
        parts.append("mean over magnifications")
    elif not comparison.column.within:
        parts.append(f"trained at {comparison.column.train}X")
    return "".join(f", {part}" for part in parts)


def _outcomes(comparison: Comparison) -> list[PairedT | SignFlip | None]:
    found = (comparison.test, comparison.by_fold, comparison.sign_flip)
    return [outcome for outcome in found if outcome is not None] or [None]


def _numbers(comparison: Comparison, outcome: PairedT | SignFlip | None) -> dict[str, Any]:
    row = dict.fromkeys(_NUMBERS) | {
        "unit": outcome.unit if outcome else "fold",
        "method": outcome.method if outcome else "not compared",
        "note": _note(comparison, outcome),
    }
    if outcome is None:
        return row
    row |= {
        "n": outcome.n,
        "mean_difference": outcome.mean_difference,
        "p": outcome.p,
        "smallest_p": outcome.smallest_p,
    }
    if isinstance(outcome, PairedT):
        row["statistic"] = outcome.statistic
        if outcome.interval is not None:
            row["interval_low"], row["interval_high"], _ = outcome.interval
        row["p_adjusted"] = (
            comparison.p_adjusted if outcome is comparison.test else comparison.by_fold_p_adjusted
        )
    return row


def _note(comparison: Comparison, outcome: PairedT | SignFlip | None) -> str | None:
    notes = [*comparison.notes, *(outcome.warnings if outcome else ())]
    if comparison.refused:
        notes.insert(0, comparison.refused)
    return "; ".join(notes) or None
