"""The comparisons of a report as rows for the store's `comparison` view."""

from __future__ import annotations

from typing import Any

from mpcs_bench.report.compare.folds import POSTERIOR, corrected_outcome, fold_outcomes
from mpcs_bench.report.compare.outcome import Outcome
from mpcs_bench.report.compare.rows import rows_of
from mpcs_bench.report.model import Comparison, Report


def comparison_rows(report: Report) -> list[dict[str, Any]]:
    """Return one row for each test that was made, in the columns of the view `comparison`.

    As `compare.rows.rows_of`; the posterior, which takes a region of practical equivalence, is
    left to `compare`.
    """
    several = len({block.dataset for block in report.blocks}) > 1
    return [
        row
        for block in report.blocks
        for comparison in block.comparisons
        for row in rows_of(
            comparison,
            _outcomes(comparison),
            protocol=report.protocol,
            baseline=comparison.baseline,
            dataset=block.dataset if several else None,
            metric=block.metric,
            created=report.created,
        )
    ]


def _outcomes(comparison: Comparison) -> list[Outcome]:
    found = []
    if comparison.by_fold is not None and comparison.test is not None:
        found.append(corrected_outcome(comparison, comparison.test))
    found += [o for o in fold_outcomes(comparison) if o.name != POSTERIOR]
    return [*found, *comparison.trained]
