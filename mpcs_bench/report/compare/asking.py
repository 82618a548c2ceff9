"""Asks the question of trained models for comparisons over folds that were already made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mpcs_bench.report.compare.answers import AnswerBook
from mpcs_bench.report.compare.outcome import with_holm
from mpcs_bench.report.compare.paired_items import PairedItems, pair_items
from mpcs_bench.report.compare.trained import trained_outcomes
from mpcs_bench.report.model import Column, Comparison, Metric, averaged
from mpcs_bench.report.pairing import Method
from mpcs_bench.report.table import mean_over_columns

ASKED = ("image_accuracy", "patient_accuracy", "patch_accuracy")
"""Metrics that are an average over items."""
PATIENTS = "patient_accuracy"
"""The metric that only a data set with patients has."""


def ask_trained(
    comparisons: Sequence[Comparison],
    method: Method,
    baseline: Method,
    metric: Metric,
    book: AnswerBook,
    *,
    patients: bool,
) -> tuple[Comparison, ...]:
    """Return the comparisons of one method with `trained` filled in, Holm's over the columns.

    What was refused stays so: incomparable is incomparable for this question too.
    """
    of_family = sum(c.column is not None and c.refused is None for c in comparisons)
    asked = [
        _ask(
            comparison,
            method,
            baseline,
            metric,
            book,
            patients=patients,
            family=of_family if comparison.column is not None else 1,
        )
        for comparison in comparisons
    ]
    by_column = [index for index, c in enumerate(asked) if c.column is not None]
    adjusted = with_holm([asked[index].trained for index in by_column])
    for index, trained in zip(by_column, adjusted, strict=True):
        asked[index] = replace(asked[index], trained=trained)
    return tuple(asked)


def _ask(
    comparison: Comparison,
    method: Method,
    baseline: Method,
    metric: Metric,
    book: AnswerBook,
    *,
    patients: bool,
    family: int,
) -> Comparison:
    if comparison.refused is not None:
        return comparison
    if metric.name not in ASKED:
        return replace(comparison, not_asked=f"{metric.name} is no average over items")
    columns = _columns(comparison, method)
    paired = _pair(columns, method, baseline, metric, book)
    if isinstance(paired, str):
        return replace(comparison, not_asked=paired)
    try:
        trained = trained_outcomes(paired, metric.name, patients=patients, family=family)
        return replace(comparison, trained=trained)
    except ValueError as error:  # too few to resample
        return replace(comparison, not_asked=str(error))


def _columns(comparison: Comparison, method: Method) -> tuple[Column, ...]:
    if comparison.column is not None:
        return (comparison.column,)
    return averaged([entry.column for entry in method.row.entries])


def _pair(
    columns: Sequence[Column],
    method: Method,
    baseline: Method,
    metric: Metric,
    book: AnswerBook,
) -> list[PairedItems] | str:
    sides = [
        mean_over_columns([entry for entry in side.row.entries if entry.column in columns])
        for side in (method, baseline)
    ]
    units = sorted(sides[0].keys() & sides[1].keys())
    answers = book.at_level(metric.item)
    found = []
    for column in columns:
        paired = pair_items(method, baseline, column, units, answers=answers, metric=metric.name)
        if isinstance(paired, str):
            return paired
        found.append(paired)
    return found
