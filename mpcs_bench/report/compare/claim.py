"""What may be said of two methods, in one sentence: it holds only where both questions say so."""

from __future__ import annotations

from mpcs_bench.report.model import DIRECTIONS, Comparison


def claim(comparison: Comparison) -> str:
    """Return the claim that a comparison bears, with what each question says."""
    if comparison.refused is not None:
        return f"not compared: {comparison.refused}"
    methods, trained = comparison.over_folds, comparison.of_trained
    if trained == "not asked":
        reason = comparison.not_asked or "no test items"
        return f"{methods} over folds; of the trained models on new cases nothing is said: {reason}"
    if methods in DIRECTIONS and trained == methods:
        return f"{methods}: the methods over folds, and these trained models on new cases"
    return f"not shown for the methods (over folds: {methods}; these trained models: {trained})"
