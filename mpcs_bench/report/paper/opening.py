"""The verdicts that the page of one protocol opens with, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mpcs_bench.report.paper.build import NO_INTENTION
from mpcs_bench.report.paper.intended import Intention
from mpcs_bench.report.paper.judging import judged_tables
from mpcs_bench.report.paper.material import Material, load_material
from mpcs_bench.report.paper.model import PAPER_SCALE
from mpcs_bench.report.published import Publication
from mpcs_bench.report.verdicts.asking import TrainedModels
from mpcs_bench.report.verdicts.claims import Judged, claim_verdicts
from mpcs_bench.report.verdicts.words import cells_line, claims_line, first

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SHOWN = 6
"""How many reasons are named; the page of the publication names all."""

ELSEWHERE = (
    "These are the first reasons; the page of the publication (reports/paper) and the view "
    "verdicts have all, the settings included."
)


def opening_verdicts(
    connection: DuckDBPyConnection,
    protocol: str,
    papers: Sequence[Publication],
    intention: Callable[[], Intention],
) -> tuple[str, ...]:
    """Return what the results of `protocol` say of the values and claims of `papers`.

    `intention` is read only for runs at the paper's scale: others are not comparable anyway.
    Raises ReportError where the store has no cell of `protocol`.
    """
    material = load_material(connection, [protocol])
    scales = {cell.record.scale for cell in material.cells}
    held = intention() if PAPER_SCALE in scales else NO_INTENTION
    models = TrainedModels(connection, material.values)
    return tuple(line for paper in papers for line in _lines(paper, material, held, models))


def _lines(
    paper: Publication, material: Material, intention: Intention, models: TrainedModels
) -> Iterator[str]:
    judged = judged_tables(paper, material, intention)
    comparable = [one for one in judged if not one.apart]
    if comparable:
        yield from _counts(paper, comparable, models)
    apart: dict[str, dict[str, None]] = {}
    for one in judged:
        if one.apart:
            apart.setdefault(one.table.variant.scale, {}).update(dict.fromkeys(one.apart))
    for found in apart.values():
        text = first(list(found), SHOWN)
        yield (
            f"Verdict: not comparable with the published values of {paper.id}: {text}. {ELSEWHERE}"
        )


def _counts(
    paper: Publication, comparable: Sequence[Judged], models: TrainedModels
) -> Iterator[str]:
    shown = [cell for one in comparable for cell in one.table.cells if cell.ours]
    line = cells_line(cell.verdict for cell in shown) or "no value of ours yet"
    yield f"Verdicts on the published values of {paper.id}: {line}."
    late = dict.fromkeys(note for one in comparable for note in one.table.margin_notes)
    yield from (f"{note[:1].upper()}{note[1:]}." for note in late)
    claims = [v for v in claim_verdicts(comparable, paper, models) if v.scale is not None]
    if claims:
        yield f"Verdicts on its claims, from this protocol alone: {claims_line(claims)}."
