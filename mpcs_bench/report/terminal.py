"""Prints a report to a terminal."""

from __future__ import annotations

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mpcs_bench.report.model import Report
from mpcs_bench.report.page import Cell, Section, Sheet
from mpcs_bench.report.present import present

GAP = 2
"""Blanks between two columns."""
LEFT_OUT = "This terminal is narrow: columns are left out here; the report's files have them all."


def render_terminal(report: Report, console: Console) -> None:
    """Print accuracies, comparisons and what is missing; the files hold the rest.

    Texts are printed as they are: no markup in a label is obeyed.
    """
    page = present(report)
    console.print(Text(page.title, style="bold"))
    console.print(Text(" · ".join((page.protocol, *page.summary)), style="dim"))
    for verdict in page.verdicts:
        console.print(Text(verdict))
    for warning in page.warnings:
        console.print(Text(warning, style="yellow"))
    for note in page.notes:
        console.print(Text(note))
    for chapter in page.chapters:
        print_sheet(chapter.accuracy, console)
        if chapter.comparison:
            print_sheet(chapter.comparison, console, details=False)
        if chapter.trained:
            print_sheet(chapter.trained, console, details=False)
    if page.missing:
        print_sheet(page.missing, console)


def print_sheet(sheet: Sheet, console: Console, *, details: bool = True) -> None:
    """Print one table; a narrow console gets fewer of its optional columns."""
    console.print()
    console.print(Text(sheet.caption, style="bold"))
    widths = _widths(sheet)
    shown = _fitting(widths, sheet.optional, console.width)
    untitled = [part for part in sheet.sections if not part.title]
    if untitled:
        console.print(_table(sheet, untitled, shown, widths, details))
    for part in sheet.sections:
        if part.title:
            console.print(Text(f"\n{part.title}"))
        if part.title and part.message:
            console.print(Text(part.message, style="dim"))
        elif part.title:
            console.print(_table(sheet, [part], shown, widths, details))
    notes = [LEFT_OUT] if len(shown) < len(sheet.headers) else []
    for note in (*notes, *sheet.notes):
        console.print(Text(note, style="dim"))


def _widths(sheet: Sheet) -> list[int]:
    """Return the width of each column over all sections, so that their tables line up."""
    heads = [max(cell_len(header.text), cell_len(header.detail)) for header in sheet.headers]
    rows = [(line.head, *line.cells) for part in sheet.sections for line in part.lines]
    return [max([head, *(cell_len(row[i].text) for row in rows)]) for i, head in enumerate(heads)]


def _fitting(widths: list[int], optional: tuple[tuple[int, ...], ...], width: int) -> list[int]:
    """Return the columns to show: all, or as many optional ones fewer as the width demands."""
    shown = list(range(len(widths)))
    for columns in optional:
        if sum(widths[i] + GAP for i in shown) - GAP <= width:
            break
        shown = [column for column in shown if column not in columns]
    return shown


def _table(
    sheet: Sheet, parts: list[Section], shown: list[int], widths: list[int], details: bool
) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    for number in shown:
        table.add_column(
            _text(sheet.headers[number]),
            justify="right" if number else "left",
            min_width=widths[number] if sheet.optional else None,
        )
    for part in parts:
        table.add_section()
        for line in part.lines:
            cells = (line.head, *line.cells)
            table.add_row(*(_text(cells[number], details) for number in shown))
    return table


def _text(cell: Cell, details: bool = True) -> Text:
    text = Text(cell.text)
    if cell.detail and details:
        text.append(f"\n{cell.detail}", style="dim")
    return text
