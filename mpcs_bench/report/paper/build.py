"""Builds a publication's tables and figures from what the protocols of a workspace hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mpcs_bench.report.definitions import ReportError
from mpcs_bench.report.numbers import counted
from mpcs_bench.report.paper.candidates import candidates, experiments_of, full_labels
from mpcs_bench.report.paper.filling import fill
from mpcs_bench.report.paper.intended import Intention
from mpcs_bench.report.paper.material import Material, load_material
from mpcs_bench.report.paper.model import PAPER_SCALE, PaperReport, PaperTable, Unfed
from mpcs_bench.report.paper.origins import coverage_of, decisions_of, notes_of, provenance_of
from mpcs_bench.report.paper.variants import Filling, fillings
from mpcs_bench.report.published import Publication, published_papers
from mpcs_bench.report.published.records import PublishedTable

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
) -> PaperReport:
    """Return the tables and figures of `publication` from all cells of `protocols`.

    `results` is the workspace's folder of results; `publication` None takes the first one whose
    tables print values of an experiment that the protocols hold; `intention` is what the protocols
    at the paper's scale say, and `strategies` what the registered pair strategies declare.
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
    tables = tuple(_tables(paper, material, intention))
    own = {name for table in paper.tables.values() for name in experiments_of(table)}
    return PaperReport(
        publication=paper,
        protocols=material.protocols,
        tables=tables,
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


def _tables(paper: Publication, material: Material, intention: Intention) -> Iterator[PaperTable]:
    full = full_labels(paper)
    names: set[str] = set()
    for table in paper.tables.values():
        found = candidates(table, paper, material, intention)
        for filling in fillings(found, table, full, intention):
            name = _file_name(table, filling, names)
            names.add(name)
            yield PaperTable(name, table, filling.variant, fill(table, filling, material, full))


def _file_name(table: PublishedTable, filling: Filling, taken: set[str]) -> str:
    variant = filling.variant
    parts = [table.id]
    if variant.scale != PAPER_SCALE:
        parts.append(variant.scale)
    elif not variant.comparable:
        parts.append("changed")
    name = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(parts)).strip("-").lower()
    number = 2
    while (unique := name if number == 2 and name not in taken else f"{name}-{number}") in taken:
        number += 1
    return unique


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
