"""Builds every figure that the protocols of a report can feed, and says why not for the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mpcs_bench.report.figures import (
    critical_difference,
    cross_magnification,
    embedding_source,
    human_prior,
    label_efficiency,
    prior_accuracy,
)
from mpcs_bench.report.figures.attention_source import ATTENTION_FIGURES, attention_entry
from mpcs_bench.report.figures.entry import FigureEntry, FigureError
from mpcs_bench.report.figures.evidence import load_evidence
from mpcs_bench.report.figures.strategies import DeclaredStrategy
from mpcs_bench.report.published.records import Publication

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Build = Callable[[], FigureEntry]


def build_figures(
    connection: DuckDBPyConnection,
    results: Path,
    protocols: Sequence[str],
    publication: Publication | None,
    strategies: Sequence[DeclaredStrategy],
) -> list[FigureEntry]:
    """Return Figures 4 to 10, the cross-magnification matrices and the ranks of methods, in order.

    `results` is the workspace's folder of results; `publication` holds the values to stand beside
    ours (None: none do); `strategies` are those of `declared_strategies`. A figure that cannot be
    drawn is in the list with its reason. Raises ReportError where the workspace has no cell of
    one of `protocols`.
    """
    evidence = load_evidence(connection, results, protocols)
    steps: list[tuple[str, str, Build]] = [
        (
            human_prior.ID,
            human_prior.TITLE,
            partial(human_prior.human_prior_entry, strategies),
        ),
        *(
            (one.id, one.title, partial(attention_entry, connection, evidence, one))
            for one in ATTENTION_FIGURES
        ),
        (
            label_efficiency.ID,
            label_efficiency.TITLE,
            partial(label_efficiency.label_efficiency_entry, evidence, publication, strategies),
        ),
        (
            embedding_source.ID,
            embedding_source.TITLE,
            partial(embedding_source.embedding_entry, connection, evidence, results, strategies),
        ),
        (
            prior_accuracy.ID,
            prior_accuracy.TITLE,
            partial(prior_accuracy.prior_accuracy_entry, evidence, publication, strategies),
        ),
        (
            cross_magnification.ID,
            cross_magnification.TITLE,
            partial(cross_magnification.cross_magnification_entry, evidence),
        ),
        (
            critical_difference.ID,
            critical_difference.TITLE,
            partial(critical_difference.critical_difference_entry, evidence),
        ),
    ]
    return [_built(*step) for step in steps]


def _built(name: str, title: str, build: Build) -> FigureEntry:
    try:
        return build()
    except FigureError as error:
        return FigureEntry(
            id=name, title=title, reason=error.message, hint=error.hint, fed=error.fed
        )
