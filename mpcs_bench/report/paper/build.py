"""Builds a publication's tables and figures from what the protocols of a workspace hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mpcs_bench.report.definitions import ReportError
from mpcs_bench.report.numbers import counted
from mpcs_bench.report.paper.candidates import experiments_of
from mpcs_bench.report.paper.intended import Intention
from mpcs_bench.report.paper.judging import judged_tables
from mpcs_bench.report.paper.material import load_material
from mpcs_bench.report.paper.model import PAPER_SCALE, PaperReport, PaperTable, Unfed
from mpcs_bench.report.paper.origins import coverage_of, decisions_of, notes_of, provenance_of
from mpcs_bench.report.published import Publication, published_papers
from mpcs_bench.report.verdicts.asking import TrainedModels
from mpcs_bench.report.verdicts.claims import claim_verdicts
from mpcs_bench.report.verdicts.trained import AskTrained

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from mpcs_bench.report.figures.strategies import DeclaredStrategy

NO_INTENTION = Intention()


def publications_fed(experiments: Sequence[str]) -> tuple[Publication, ...]:
    """Return the publications on this machine whose tables print values of `experiments`."""
    return tuple(paper for paper in published_papers() if _prints(paper, experiments))


def build_paper(
    connection: DuckDBPyConnection,
    results: Path,
    protocols: Sequence[str],
    *,
    publication: Publication | None = None,
    intention: Intention = NO_INTENTION,
    strategies: Sequence[DeclaredStrategy] = (),
    created: datetime | None = None,
    ask: AskTrained | None = None,
) -> PaperReport:
    """Return the tables and figures of `publication` from all cells of `protocols`.

    `results` is the workspace's folder of results; `publication` None takes the first one whose
    tables print values of an experiment that the protocols hold; `intention` is what the protocols
    at the paper's scale say, and `strategies` what the registered pair strategies declare; `ask`
    puts the question of the trained models where a claim needs it (None: from the predictions in
    the store).
    Raises ReportError where the workspace has no cell of one of the protocols, or the protocols
    hold nothing of the publication.
    """
    from mpcs_bench.report.figures import build_figures

    material = load_material(connection, protocols)
    held = list(dict.fromkeys(cell.record.experiment for cell in material.cells))
    paper = publication or next(iter(publications_fed(held)), None)
    if paper is None or not _prints(paper, held):
        raise ReportError(
            f"No published table prints values of what these protocols hold: {', '.join(held)}.",
            hint='`mpcs-bench sql "SELECT DISTINCT experiment FROM published"` lists what is.',
        )
    judged = judged_tables(paper, material, intention)
    tables = tuple(one.table for one in judged)
    own = {name for table in paper.tables.values() for name in experiments_of(table)}
    return PaperReport(
        publication=paper,
        protocols=material.protocols,
        tables=tables,
        claims=claim_verdicts(judged, paper, ask or TrainedModels(connection, material.values)),
        unfed=tuple(
            Unfed(table, experiments)
            for table in paper.tables.values()
            if (experiments := experiments_of(table)) and not set(experiments) & set(held)
        ),
        figures=tuple(build_figures(connection, results, material.protocols, paper, strategies)),
        warnings=tuple(_warnings(tables)),
        notes=notes_of(material),
        decisions=decisions_of(material, own),
        coverage=coverage_of(material, own),
        provenance=provenance_of(material),
        created=created or datetime.now(UTC),
    )


def _prints(paper: Publication, experiments: Sequence[str]) -> bool:
    return any(cell.experiment in experiments for cell in paper.cells() if cell.experiment)


def _warnings(tables: Sequence[PaperTable]) -> Iterator[str]:
    apart = [table for table in tables if not table.variant.comparable]
    scales = dict.fromkeys(t.variant.scale for t in apart if t.variant.scale != PAPER_SCALE)
    for scale in scales:
        numbers = _numbers(table for table in apart if table.variant.scale == scale)
        yield f"Scaled-down run (scale {scale}): not comparable with published values: {numbers}."
    changed = [table for table in apart if table.variant.scale == PAPER_SCALE]
    if changed:
        yield (
            "At the paper's scale, but changed: not comparable with published values: "
            f"{_numbers(changed)}."
        )
    if any(cell.ours and cell.ours.selected_on_test for table in tables for cell in table.cells):
        yield "Values marked † are of an epoch chosen on the test part: they are optimistic."
    lacking = [
        cell
        for table in tables
        for cell in table.cells
        if cell.absence and cell.absence.word in ("set aside", "refused")
    ]
    for reason in dict.fromkeys(cell.absence.reason for cell in lacking if cell.absence):
        count = sum(bool(c.absence and c.absence.reason == reason) for c in lacking)
        yield f"{counted(count, 'value')} not shown: {reason}."
    if not any(cell.ours for table in tables for cell in table.cells):
        yield "No cell of these tables has a result yet."


def _numbers(tables: Iterable[PaperTable]) -> str:
    numbers = list(dict.fromkeys(table.published.number for table in tables))
    if len(numbers) == 1:
        return f"Table {numbers[0]}"
    return f"Tables {', '.join(numbers[:-1])} and {numbers[-1]}"
