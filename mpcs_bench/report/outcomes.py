"""The comparisons of a report as rows for the store's `comparison` view."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from mpcs_bench.report.compare.folds import fold_outcomes
from mpcs_bench.report.compare.rows import rows_of
from mpcs_bench.report.model import Block, Report


def comparison_rows(report: Report) -> list[dict[str, Any]]:
    """Return one row for each test that was made, in the columns of the view `comparison`.

    As `compare` stores them, with its default region of practical equivalence.
    """
    return [row for block in report.blocks for row in _block_rows(report, block)]


def _block_rows(report: Report, block: Block) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for _, group in groupby(block.comparisons, key=lambda c: (c.candidate, c.baseline)):
        comparisons = list(group)
        for comparison, folds in zip(comparisons, fold_outcomes(comparisons), strict=True):
            rows += rows_of(
                comparison,
                (*folds, *comparison.trained),
                protocol=report.protocol,
                baseline=comparison.baseline,
                dataset=block.dataset,
                metric=block.metric,
                created=report.created,
            )
    return rows
