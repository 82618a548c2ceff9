"""A publication's tables with our values in them, and the verdict on each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from mpcs_bench.report.paper.candidates import candidates, full_labels
from mpcs_bench.report.paper.filling import fill
from mpcs_bench.report.paper.intended import Intention
from mpcs_bench.report.paper.material import Material
from mpcs_bench.report.paper.model import PAPER_SCALE, PaperTable
from mpcs_bench.report.paper.variants import Filling, fillings
from mpcs_bench.report.paper.words import heading, reasons, settings
from mpcs_bench.report.published import Publication
from mpcs_bench.report.published.records import PublishedTable
from mpcs_bench.report.verdicts.cells import cell_verdict
from mpcs_bench.report.verdicts.claims import Judged


def judged_tables(
    paper: Publication, material: Material, intention: Intention
) -> tuple[Judged, ...]:
    """Return the tables that `material` fills, in the paper's order, each cell with its verdict."""
    return tuple(_judged(table, paper) for table in _tables(paper, material, intention))


def _judged(table: PaperTable, paper: Publication) -> Judged:
    variant = table.variant
    apart = (*reasons(variant), *settings(variant))
    cells = tuple(
        replace(
            cell,
            verdict=cell_verdict(
                cell,
                apart=apart,
                margins=table.margins,
                late=table.margin_notes,
                folds=paper.folds_of(cell.published),
                unheld=cell.published.experiment in variant.unheld,
            ),
        )
        for cell in table.cells
    )
    return Judged(replace(table, cells=cells), heading(variant), apart)


def _tables(paper: Publication, material: Material, intention: Intention) -> Iterator[PaperTable]:
    full = full_labels(paper)
    names: set[str] = set()
    for table in paper.tables.values():
        found = candidates(table, paper, material, intention)
        for filling in fillings(found, table, full, intention):
            name = _file_name(table, filling, names)
            names.add(name)
            yield PaperTable(
                name,
                table,
                filling.variant,
                fill(table, filling, material, full),
                material.margins_of(filling.variant.protocols),
                material.margin_notes_of(filling.variant.protocols),
            )


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
