"""What is said about a table: its heading, why it is not comparable, what its numbers mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mpcs_bench.report.model import Coverage, Missing, Unit
from mpcs_bench.report.numbers import MISSING, counted
from mpcs_bench.report.page import Cell, Line, Section, Sheet
from mpcs_bench.report.paper.model import (
    PAPER_SCALE,
    Departure,
    PaperReport,
    PaperTable,
    Unfed,
    Variant,
)
from mpcs_bench.report.verdicts.rows import verdict_rows
from mpcs_bench.report.verdicts.words import verdict_notes

FEW = 3
LEGEND = (
    "ours: mean ± sample standard deviation over folds, seeds of a fold averaged first; published: "
    "as printed; gap: ours − published in percentage points, with the number of folds (3/5: three "
    "of five have a value)."
)
LEGEND_MEAN = (
    "Mean: of the columns' means, ± the mean of their standard deviations, as the paper prints it, "
    "with the number of folds that have a value in every column; the CSV file also has the spread "
    "of the folds' own means."
)
LEGEND_SELECTED = "† Epoch chosen on the test part: the value is optimistic."
LEGEND_FRACTION = "A column printed as a fraction has its gap in points too: 0.01 is one point."


def heading(variant: Variant) -> str:
    """Name the runs that fill a table: `At the paper's scale`, `Scale smoke, encoder ...`."""
    if variant.comparable:
        return "At the paper's scale"
    scale = variant.scale
    parts = ["The paper's scale" if scale == PAPER_SCALE else f"Scale {scale}"]
    if variant.encoder is not None:
        parts.append(f"encoder {variant.encoder}")
    parts += _changes(variant)
    return ", ".join(parts)


def reasons(variant: Variant) -> list[str]:
    """Return why the runs are not comparable, one reason each, settings last and together."""
    everyone = {name for item in variant.departures for name in item.experiments}
    own = [item for item in variant.departures if item.kind != "setting"]
    return [_reason(item, everyone) for item in own]


def settings(variant: Variant) -> list[str]:
    """Return the settings that depart, one each."""
    everyone = {name for item in variant.departures for name in item.experiments}
    return [_reason(item, everyone) for item in variant.departures if item.kind == "setting"]


def not_comparable(variant: Variant, limit: int | None = None) -> str:
    """Return one sentence with the reasons, `limit` of the settings at most; '' if comparable."""
    if variant.comparable:
        return ""
    changed = settings(variant)
    kept = changed if limit is None else changed[:limit]
    parts = [*reasons(variant), *kept]
    if len(kept) < len(changed):
        parts.append(f"and {counted(len(changed) - len(kept), 'more setting')}")
    return f"Not comparable with the published values, because: {'; '.join(parts)}."


def notes(table: PaperTable) -> tuple[str, ...]:
    """Return what stands below a table."""
    found = [LEGEND]
    cells = [cell for cell in table.cells if cell.ours]
    if any(cell.ours and cell.ours.is_mean for cell in cells):
        found.append(LEGEND_MEAN)
    if any(cell.published.unit == "fraction" for cell in cells):
        found.append(LEGEND_FRACTION)
    if any(cell.ours and cell.ours.selected_on_test for cell in cells):
        found.append(LEGEND_SELECTED)
    found += verdict_notes(table)
    found += _absences(table)
    if table.variant.unheld:
        names = ", ".join(table.variant.unheld)
        found.append(f"No protocol at the paper's scale is known for {names}: settings unchecked.")
    published = table.published
    found += [
        f"{' '.join(row.labels)}: {row.note}" for row in published.rows if row.note is not None
    ]
    found += [note for note in (published.note,) if note]
    return tuple(found)


def paper_verdict_rows(report: PaperReport) -> list[dict[str, Any]]:
    """Return the verdicts of `report` in the columns of the view `verdicts`."""
    return verdict_rows(report, [heading(table.variant) for table in report.tables])


def cited(table: PaperTable, report: PaperReport) -> tuple[str, ...]:
    """Return the references that a table cites, as the publication lists them."""
    keys = dict.fromkeys(cell.published.citation for cell in table.cells)
    known = report.publication.references
    return tuple(f"[{key}] {known[key].citation}" for key in keys if key is not None)


def unfed_line(unfed: Unfed) -> str:
    """Say that a table has no row of ours at all."""
    return (
        f"Table {unfed.table.number}: no protocol of this report holds {listed(unfed.experiments)}."
    )


def listed(names: Sequence[str]) -> str:
    """Return `exp-1, exp-2 and exp-3`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def missing_sheet(coverage: Coverage) -> Sheet | None:
    """Return the cells without a result, alike ones in one line; None where there are none."""
    if not coverage.missing:
        return None
    return Sheet(
        caption="Cells without a result",
        headers=tuple(map(Cell, ("Runs", "Magnification", "State", "Where", "Reason"))),
        sections=(Section(tuple(map(_missing_line, coverage.missing))),),
    )


def _changes(variant: Variant) -> Iterator[str]:
    decisions = [item for item in variant.departures if item.kind == "decision"]
    if decisions:
        named = [f"{item.name} {item.ours.partition(':')[0]}" for item in decisions[:FEW]]
        more = len(decisions) - FEW
        text = f"decisions {', '.join(named)}"
        yield f"{text} and {counted(more, 'other')}" if more > 0 else text
    elif variant.scale == PAPER_SCALE and variant.encoder is None:
        changed = [item for item in variant.departures if item.kind != "decision"]
        named = [f"{item.name} {item.ours}" for item in changed[:FEW]]
        more = len(changed) - FEW
        yield ", ".join(named) + (f" and {counted(more, 'other change')}" if more > 0 else "")


def _reason(item: Departure, everyone: set[str]) -> str:
    intended = " or ".join(item.intended)
    if item.kind == "scale":
        text = f"scale {item.ours}"
    elif item.kind == "decision":
        text = f"decision {item.name}: {item.ours} instead of {intended}"
    elif item.ours == "changed":
        text = f"{item.name} changed ({intended})"
    elif item.kind == "setting":
        text = f"{item.name}: {item.ours} instead of {intended}"
    else:
        text = f"{item.name} {item.ours} instead of {intended}"
    only = "" if set(item.experiments) == everyone else f" ({', '.join(item.experiments)})"
    return text + only


def _absences(table: PaperTable) -> Iterator[str]:
    """Yield what the words in brackets stand for, each with the experiments that it is said of."""
    said: dict[tuple[str, str], dict[str, None]] = {}
    for cell in table.cells:
        if cell.absence is not None:
            key = cell.absence.word, cell.absence.reason
            said.setdefault(key, {})[cell.published.experiment or ""] = None
    for (word, reason), experiments in said.items():
        yield f"({word}) {listed(tuple(experiments))}: {reason}."


def _missing_line(missing: Missing) -> Line:
    train = missing.train_magnification
    return Line(
        Cell(missing.label),
        (
            Cell(MISSING if train is None else f"{train}X"),
            Cell(missing.state),
            Cell(_places(missing.units)),
            Cell(missing.reason or MISSING),
        ),
    )


def _places(units: Sequence[Unit]) -> str:
    folds = sorted({unit.fold for unit in units})
    seeds = sorted({unit.seed for unit in units})
    text = f"fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))}"
    return text if len(seeds) == 1 else f"{text}; seeds {', '.join(map(str, seeds))}"
