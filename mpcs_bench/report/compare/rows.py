"""Outcomes as rows for the store's `comparison` view."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from mpcs_bench.protocol.canonical import canonical_json
from mpcs_bench.report.compare.build import Significance
from mpcs_bench.report.compare.outcome import Outcome
from mpcs_bench.report.compare.pairs import Pair
from mpcs_bench.report.model import Comparison, Metric

NO_MAGNIFICATION = 0
"""What the store writes where no single magnification is meant."""
NOT_COMPARED = "not compared"
EXACT = 12
"""Decimals of a stored difference, so that tests of one quantity store the same number."""


def significance_rows(found: Significance) -> list[dict[str, Any]]:
    """Return one row for each test of every pair, in the columns of the view."""
    return [row for pair in found.pairs for row in pair_rows(pair, found.created)]


def pair_rows(pair: Pair, created: datetime) -> list[dict[str, Any]]:
    """Return one row for each test of one pair, as `rows_of`."""
    return [
        row
        for place in pair.places
        for row in rows_of(
            place.comparison,
            place.outcomes,
            protocol=pair.candidate.protocol,
            baseline=_baseline(pair, place.comparison),
            dataset=pair.dataset,
            metric=pair.metric,
            created=created,
        )
    ]


def _baseline(pair: Pair, comparison: Comparison) -> str:
    if pair.baseline.protocol == pair.candidate.protocol:
        return comparison.baseline
    return f"{pair.baseline.protocol}:{comparison.baseline}"


def rows_of(
    comparison: Comparison,
    outcomes: Iterable[Outcome],
    *,
    protocol: str,
    baseline: str,
    dataset: str,
    metric: Metric,
    created: datetime,
) -> list[dict[str, Any]]:
    """Return one row for each outcome of one comparison, or one without numbers where refused.

    Differences and intervals are proportions, candidate minus baseline. `magnification` is the
    test magnification, 0 for the mean over magnifications or a data set without any; `unit` tells
    these apart.
    """
    shared = {
        "protocol": protocol,
        "baseline": baseline,
        "candidate": comparison.candidate,
        "metric": metric.name,
        "dataset": dataset,
        "magnification": _magnification(comparison),
    }
    place = _place(comparison)
    rows = [_numbers(outcome, comparison.refused) for outcome in outcomes] or [_refused(comparison)]
    time = created.astimezone(UTC).replace(tzinfo=None)
    return [{**shared, **row, "unit": f"{row['unit']}{place}", "computed_at": time} for row in rows]


def _numbers(outcome: Outcome, refused: str | None) -> dict[str, Any]:
    low, high = outcome.interval[:2] if outcome.interval else (None, None)
    notes = [*([refused] if refused else []), *outcome.notes]
    return {
        "question": outcome.question,
        "unit": outcome.unit,
        "method": outcome.method,
        "n": outcome.n,
        "mean_difference": None if outcome.difference is None else _same(outcome.difference),
        "interval_low": low,
        "interval_high": high,
        "statistic": outcome.statistic,
        "p": outcome.p,
        "p_adjusted": outcome.p_adjusted,
        "smallest_p": outcome.smallest_p,
        "smallest_p_adjusted": outcome.smallest_p_adjusted,
        "effect": outcome.effect,
        "details": canonical_json(outcome.details) if outcome.details else None,
        "note": "; ".join(notes) or None,
    }


def _same(difference: float) -> float:
    """Return a difference without the last bits, in which the order of summation shows."""
    return round(difference, EXACT)


_NUMBERS = tuple(_numbers(Outcome(name="", question="", method="", unit="", n=0), None))


def _refused(comparison: Comparison) -> dict[str, Any]:
    notes = [comparison.refused, *comparison.notes]
    return dict.fromkeys(_NUMBERS) | {
        "unit": "fold",
        "method": NOT_COMPARED,
        "note": "; ".join(note for note in notes if note) or None,
    }


def _magnification(comparison: Comparison) -> int:
    column = comparison.column
    return NO_MAGNIFICATION if column is None or column.test is None else column.test


def _place(comparison: Comparison) -> str:
    if comparison.column is None:
        return ", mean over magnifications"
    return "" if comparison.column.within else f", trained at {comparison.column.train}X"
