"""Prints a publication's tables, ours beside theirs, to a terminal of any width."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mpcs_bench.report.paper.layout import GAP, OURS, PUBLISHED, Grid, GridRow, grid, stacked
from mpcs_bench.report.paper.model import PaperReport, PaperTable
from mpcs_bench.report.paper.verdicts_view import VerdictsView, verdicts_view
from mpcs_bench.report.paper.words import heading, not_comparable, notes, unfed_line

SHOWN = 4
"""How many of the settings that depart are named here; the files name all."""
BLANKS = 2
"""Between two columns."""
STYLES = {OURS: "bold", GAP: "dim"}


def render_paper_terminal(report: PaperReport, console: Console) -> None:
    """Print the tables of `report`; those that are too wide in pieces, columns side by side.

    Texts are printed as they are: no markup in a label is obeyed.
    """
    console.print()
    console.print(Text(report.publication.title, style="bold"))
    _print_verdicts(verdicts_view(report), console)
    for warning in report.warnings:
        console.print(Text(warning, style="yellow"))
    for table in report.tables:
        _print(table, console)
    for unfed in report.unfed:
        console.print(Text(unfed_line(unfed), style="dim"))


def _print_verdicts(view: VerdictsView, console: Console) -> None:
    console.print(Text(f"Published values: {view.values or 'none of ours'}"))
    console.print(Text(f"Claims: {view.claims or 'none'}"))
    for claim in view.told:
        runs = f" [{claim.runs}]" if claim.runs else ""
        console.print(Text(f"  {claim.verdict}: {claim.id}{runs}", style="bold"))
        console.print(Text(f"    {claim.why}", style="dim"))
    for reason in dict.fromkeys(claim.why for claim in view.apart):
        console.print(Text(f"  not comparable: {reason}", style="yellow"))


def _print(table: PaperTable, console: Console) -> None:
    console.print()
    title = f"Table {table.published.number}. {heading(table.variant)}"
    console.print(Text(title, style="bold"))
    console.print(Text(table.published.caption))
    reason = not_comparable(table.variant, SHOWN)
    if reason:
        console.print(Text(reason, style="yellow"))
    drawn = grid(table)
    for piece in _pieces(drawn, console.width):
        for number, (title, rows) in enumerate(_titled(drawn)):
            console.print()
            if title:
                console.print(Text(title, style="italic"))
            console.print(_table(drawn, rows, piece, headed=not number))
    for note in notes(table):
        console.print(Text(note, style="dim"))


def _pieces(drawn: Grid, width: int) -> list[list[int]]:
    """Return the columns of each piece: as few pieces as fit, all of about one size."""
    count = len(drawn.columns)
    sizes = _column_widths(drawn)
    heads = _label_width(drawn) + cell_len(PUBLISHED) + BLANKS
    room = max(1, (width - heads) // (max(sizes) + BLANKS))
    size = ceil(count / ceil(count / room))
    return [list(range(start, min(start + size, count))) for start in range(0, count, size)]


def _titled(drawn: Grid) -> list[tuple[str, list[GridRow]]]:
    """Return the rows under their outer labels, which are too wide for a column."""
    found: list[tuple[str, list[GridRow]]] = []
    outer: tuple[str, ...] = ()
    for row in drawn.rows:
        above = tuple(label.text if label else "" for label in row.labels[:-1])
        if any(above) or not found:
            outer = tuple(new or old for new, old in zip(above, outer or above, strict=True))
            found.append((", ".join(outer), []))
        found[-1][1].append(row)
    return found


def _label_width(drawn: Grid) -> int:
    names = [label.text for row in drawn.rows if (label := row.labels[-1])]
    return max(map(cell_len, (*names, *drawn.row_heads[-1].split())))


def _column_widths(drawn: Grid) -> list[int]:
    found = []
    for number, labels in enumerate(drawn.columns):
        texts = [word for label in labels for word in label.split()]
        for row in drawn.rows:
            texts += [line.texts[number][0] for line in stacked(row)]
        found.append(max(map(cell_len, texts)))
    return found


def _table(drawn: Grid, rows: Sequence[GridRow], columns: Sequence[int], *, headed: bool) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, BLANKS - 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        show_header=headed,
    )
    table.add_column(Text(drawn.row_heads[-1]), width=_label_width(drawn), vertical="bottom")
    table.add_column("", width=cell_len(PUBLISHED))
    sizes = _column_widths(drawn)
    for number in columns:
        label = Text("\n".join(drawn.columns[number]))
        table.add_column(label, justify="right", width=sizes[number], vertical="bottom")
    for position, row in enumerate(rows):
        if position and row.first:
            table.add_section()
        for line in stacked(row):
            texts = (line.texts[number] for number in columns)
            style = STYLES.get(line.what, "")
            table.add_row(
                Text(line.labels[-1]),
                Text(line.what, style="dim"),
                *(Text(text, style="bold" if bold else style) for text, bold in texts),
            )
    return table
