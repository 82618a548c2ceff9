"""Everything that a page of a publication's tables and figures shows, in words and in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mpcs_bench.report.definitions import templates_folder
from mpcs_bench.report.numbers import counted
from mpcs_bench.report.page import Sheet
from mpcs_bench.report.paper.layout import Grid, grid
from mpcs_bench.report.paper.model import PaperReport, PaperTable
from mpcs_bench.report.paper.verdicts_view import VerdictsView, verdicts_view
from mpcs_bench.report.paper.words import (
    cited,
    heading,
    missing_sheet,
    notes,
    reasons,
    settings,
    unfed_line,
)
from mpcs_bench.report.present import decisions_sheet


@dataclass(frozen=True, slots=True)
class TableView:
    """One table: its heading, why it is not comparable, the grid, what stands below it."""

    name: str
    number: str
    caption: str
    heading: str
    comparable: bool
    reasons: tuple[str, ...]
    settings: tuple[str, ...]
    grid: Grid
    notes: tuple[str, ...]
    cited: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FigureView:
    """One figure; `source` is what a page shows it from, None where it is not drawn."""

    name: str
    title: str
    caption: str
    warnings: tuple[str, ...]
    source: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class PaperPage:
    """A whole page; `absent` are the tables and figures that these protocols do not feed."""

    title: str
    publication: str
    summary: tuple[str, ...]
    verdicts: VerdictsView
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    tables: tuple[TableView, ...]
    figures: tuple[FigureView, ...]
    absent: tuple[str, ...]
    missing: Sheet | None
    decisions: Sheet | None
    reading: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]
    created: str


def paper_page(report: PaperReport, sources: Mapping[str, str]) -> PaperPage:
    """Return the page of `report`; `sources` says by id what a drawn figure is shown from."""
    paper = report.publication
    return PaperPage(
        title=paper.title,
        publication=f"{', '.join(paper.authors)}. {paper.venue}, {paper.year}.",
        summary=tuple(_summary(report)),
        verdicts=verdicts_view(report),
        warnings=report.warnings,
        notes=report.notes,
        tables=tuple(table_view(table, report) for table in report.tables),
        figures=tuple(
            FigureView(
                name=entry.id,
                title=entry.title,
                caption=entry.caption,
                warnings=entry.warnings,
                source=sources.get(entry.id),
                reason=" ".join(filter(None, (entry.reason, entry.hint))),
            )
            for entry in report.figures
            if entry.fed
        ),
        absent=(
            *map(unfed_line, report.unfed),
            *(f"{_named(e.id)}: {e.reason}" for e in report.figures if not e.fed),
        ),
        missing=missing_sheet(report.coverage),
        decisions=decisions_sheet(report.decisions),
        reading=_reading(),
        provenance=tuple(_provenance(report)),
        created=_time(report.created),
    )


def table_view(table: PaperTable, report: PaperReport) -> TableView:
    """Return one table in words."""
    return TableView(
        name=table.name,
        number=table.published.number,
        caption=table.published.caption,
        heading=heading(table.variant),
        comparable=table.variant.comparable,
        reasons=tuple(reasons(table.variant)),
        settings=tuple(settings(table.variant)),
        grid=grid(table),
        notes=notes(table),
        cited=cited(table, report),
    )


def _summary(report: PaperReport) -> Iterator[str]:
    yield f"our results beside the published values of {report.publication.id}"
    yield ", ".join(report.protocols)
    yield f"{report.coverage.done} of {counted(report.coverage.planned, 'cell')} done"
    others = [f"{n} {state}" for state, n in report.coverage.states.items() if state != "done"]
    if others:
        yield ", ".join(others)


def _named(figure: str) -> str:
    return figure[:1].upper() + figure[1:].replace("-", " ")


def _reading() -> tuple[tuple[str, str], ...]:
    text = (templates_folder() / "paper_reading.txt").read_text(encoding="utf-8")
    pairs = (line.partition(" | ") for line in text.splitlines() if line.strip())
    return tuple((term, explanation) for term, _, explanation in pairs)


def _provenance(report: PaperReport) -> Iterator[tuple[str, str]]:
    origin = report.provenance
    yield "Published values", f"{report.publication.id}, SHA-256 {report.publication.digest}"
    for dataset, found in origin.fingerprints.items():
        yield f"Fingerprint of {dataset}", ", ".join(found)
    for split, found in origin.split_hashes.items():
        yield f"Split hash of {split}", ", ".join(found)
    if origin.first_finished and origin.last_finished:
        span = f"{_time(origin.first_finished)} to {_time(origin.last_finished)}"
        yield "Cells finished", span
    for name, values in _shared(origin.environments):
        yield f"Environment: {name}", values
    yield "The rest", "each protocol's own page has the environments with all packages"


def _shared(environments: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    for name in ("python", "device", "code.commit", "packages.torch"):
        values = dict.fromkeys(facts[name] for facts in environments if name in facts)
        if values:
            yield name.removeprefix("packages."), ", ".join(values)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
