"""Puts a report into words: the page that terminal, Markdown and HTML render alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from mpcs_bench.report.accuracy_sheet import accuracy_sheet, averages_sheet, repeats
from mpcs_bench.report.comparison_sheet import comparison_sheet
from mpcs_bench.report.definitions import reading
from mpcs_bench.report.model import Block, Coverage, Decision, Missing, Provenance, Report, Unit
from mpcs_bench.report.numbers import MISSING, counted
from mpcs_bench.report.page import Cell, Chapter, Line, Page, Section, Sheet
from mpcs_bench.report.trained_sheet import trained_sheet


def present(report: Report) -> Page:
    """Return `report` as a page of captions, cells and sentences."""
    return Page(
        title=report.title,
        protocol=report.protocol,
        summary=tuple(_summary(report)),
        warnings=report.warnings,
        notes=report.notes,
        chapters=tuple(_chapter(block) for block in report.blocks),
        missing=_missing(report.coverage),
        decisions=decisions_sheet(report.decisions),
        reading=reading(),
        provenance=tuple(_provenance(report.provenance)),
        created=_time(report.created),
        verdicts=report.verdicts,
    )


def _summary(report: Report) -> Iterator[str]:
    coverage = report.coverage
    yield f"{coverage.done} of {counted(coverage.planned, 'cell')} done"
    others = [f"{n} {state}" for state, n in coverage.states.items() if state != "done"]
    if others:
        yield ", ".join(others)
    rows = [row for block in report.blocks for row in block.rows]
    if rows:
        methods = {row.key for row in rows if not row.control}
        yield counted(len(methods), "method")
        yield repeats([unit for row in rows for entry in row.entries for unit in entry.planned])
    yield from (f"{name} {value}" for name, value in report.provenance.shared.items())


def _chapter(block: Block) -> Chapter:
    return Chapter(
        heading=f"{block.metric.title}, {block.dataset}",
        accuracy=accuracy_sheet(block),
        comparison=comparison_sheet(block),
        trained=trained_sheet(block),
        averages=averages_sheet(block),
    )


def _missing(coverage: Coverage) -> Sheet | None:
    if not coverage.missing:
        return None
    return Sheet(
        caption="Cells without a result",
        headers=tuple(map(Cell, ("Method", "Magnification", "State", "Where", "Reason"))),
        sections=(Section(tuple(_missing_line(missing) for missing in coverage.missing)),),
    )


def decisions_sheet(decisions: Sequence[Decision]) -> Sheet | None:
    """Return the decisions that numbers rest on: one line, or one for each that differs."""
    if not decisions:
        return None
    return Sheet(
        caption="Decisions that these numbers rest on (`mpcs-bench ledger` has the whole of each)",
        headers=tuple(map(Cell, ("Decision", "Question", "Taken"))),
        sections=(Section(tuple(_decision_line(decision) for decision in decisions)),),
    )


def _decision_line(decision: Decision) -> Line:
    experiments: dict[str, list[str]] = {}
    for experiment, text in decision.taken:
        experiments.setdefault(text, []).append(experiment)
    commonest = max(experiments, key=lambda text: len(experiments[text]))
    others = [f"{', '.join(by)}: {text}" for text, by in experiments.items() if text != commonest]
    return Line(
        Cell(decision.entry), (Cell(decision.question), Cell("; ".join((commonest, *others))))
    )


def _missing_line(missing: Missing) -> Line:
    train = missing.train_magnification
    return Line(
        Cell(missing.label),
        (
            Cell("all" if train is None else f"{train}X"),
            Cell(missing.state),
            Cell(_places(missing.units)),
            Cell(missing.reason or MISSING),
        ),
    )


def _places(units: Sequence[Unit]) -> str:
    folds = ", ".join(str(fold) for fold in sorted({unit.fold for unit in units}))
    seeds = sorted({unit.seed for unit in units})
    text = f"fold{'s' if ',' in folds else ''} {folds}"
    return text if len(seeds) == 1 else f"{text}; seeds {', '.join(map(str, seeds))}"


def _provenance(origin: Provenance) -> Iterator[tuple[str, str]]:
    for dataset, found in origin.fingerprints.items():
        yield f"Fingerprint of {dataset}", ", ".join(found)
    for split, found in origin.split_hashes.items():
        yield f"Split hash of {split}", ", ".join(found)
    if origin.first_finished and origin.last_finished:
        span = f"{_time(origin.first_finished)} to {_time(origin.last_finished)}"
        yield "Cells finished", span
    for number, environment in enumerate(origin.environments, start=1):
        several = f" {number}" if len(origin.environments) > 1 else ""
        packages = []
        for name, value in environment.items():
            if name == "cells":
                yield f"Cells of environment{several}", value
            elif name.startswith("packages."):
                packages.append(f"{name.removeprefix('packages.')} {value}")
            else:
                yield f"Environment{several}: {name}", value
        if packages:
            yield f"Environment{several}: packages", ", ".join(packages)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
