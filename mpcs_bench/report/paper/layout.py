"""A published table as it is printed: which labels span what, and what stands in each cell."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from mpcs_bench.report.numbers import MISSING, accuracy, points
from mpcs_bench.report.paper.model import FilledCell, OurValue, PaperTable
from mpcs_bench.report.published.records import PublishedTable
from mpcs_bench.report.verdicts.words import MARKS

SELECTED = " †"
OURS, PUBLISHED, GAP = "ours", "published", "gap (n)"


@dataclass(frozen=True, slots=True)
class Label:
    """A label of the head or of a row, and over how many columns or rows it stands.

    `start` is the first of these, from 0; `drop` over how many lines of the head it reaches down.
    """

    text: str
    start: int
    span: int
    drop: int = 1


@dataclass(frozen=True, slots=True)
class Shown:
    """A cell in words: ours (or why not), what is printed, the gap in points, folds.

    `ours` is empty where nothing of ours belongs; `word` is set where it belongs and is missing.
    `mark` stands for the `verdict`.
    """

    printed: str
    bold: bool
    ours: str = ""
    gap: str = ""
    folds: str = ""
    word: str = ""
    mark: str = ""
    verdict: str = ""

    @property
    def has_own(self) -> bool:
        """Whether a value of ours belongs here."""
        return bool(self.ours or self.word)


@dataclass(frozen=True, slots=True)
class GridRow:
    """A row; `labels` holds None where a label from above spans it; `first` begins a block."""

    labels: tuple[Label | None, ...]
    cells: tuple[Shown, ...]
    first: bool

    @property
    def has_own(self) -> bool:
        """Whether a value of ours belongs anywhere in this row."""
        return any(cell.has_own for cell in self.cells)


@dataclass(frozen=True, slots=True)
class StackedLine:
    """A line of a row whose values stand under each other; each text with whether it is bold.

    `what` says what the line holds, nothing in a row of the literature.
    """

    labels: tuple[str, ...]
    what: str
    texts: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table to draw: `head` has one tuple of labels for each of its lines."""

    row_heads: tuple[str, ...]
    head: tuple[tuple[Label, ...], ...]
    columns: tuple[tuple[str, ...], ...]
    rows: tuple[GridRow, ...]


def grid(table: PaperTable) -> Grid:
    """Return `table` in the publication's layout."""
    published = table.published
    labels = spanned_rows(published)
    blocks = [row.block for row in published.rows]
    return Grid(
        row_heads=published.row_heads,
        head=spanned_head(published),
        columns=tuple(tuple(filter(None, column.labels)) for column in published.columns),
        rows=tuple(
            GridRow(labels[i], tuple(map(shown, cells)), i > 0 and blocks[i] != blocks[i - 1])
            for i, cells in enumerate(table.rows())
        ),
    )


def spanned_head(table: PublishedTable) -> tuple[tuple[Label, ...], ...]:
    """Return the lines of the head: equal neighbours under equal labels are one.

    The last line is never joined; a label above empty ones reaches down over them.
    """
    depth = len(table.columns[0].labels)
    lines = []
    for level in range(depth):
        line: list[Label] = []
        last = level == depth - 1
        keys = [(c.labels[: level + 1], i if last else None) for i, c in enumerate(table.columns)]
        start = 0
        for (path, _), members in groupby(keys):
            span = len(list(members))
            own = table.columns[start : start + span]
            if not level or path[level]:  # an empty one: the label above reaches down to here
                alone = not any(label for column in own for label in column.labels[level + 1 :])
                line.append(Label(path[level], start, span, depth - level if alone else 1))
            start += span
        lines.append(tuple(line))
    return tuple(lines)


def spanned_rows(table: PublishedTable) -> list[tuple[Label | None, ...]]:
    """Return the labels of every row, None where the one above spans it."""
    width, count = len(table.row_heads), len(table.rows)
    found: list[list[Label | None]] = [[None] * width for _ in range(count)]
    for level in range(width):
        last = level == width - 1
        start = 0
        while start < count:
            path, end = table.rows[start].labels[: level + 1], start + 1
            while not last and end < count and table.rows[end].labels[: level + 1] == path:
                end += 1
            found[start][level] = Label(path[level], start, end - start)
            start = end
    return [tuple(labels) for labels in found]


def shown(cell: FilledCell) -> Shown:
    """Return a cell in words."""
    published = cell.published
    ours = cell.ours
    if ours is None:
        word = cell.absence.word if cell.absence else ""
        return Shown(published.printed, published.bold, word=word)
    return Shown(
        published.printed,
        published.bold,
        ours=_value(ours, published.scale) + (SELECTED if ours.selected_on_test else ""),
        gap=points(cell.gap),
        folds=folds(ours),
        mark=MARKS.get(cell.verdict.word, "") if cell.verdict else "",
        verdict=cell.verdict.word if cell.verdict else "",
    )


def folds(ours: OurValue) -> str:
    """Return over how many folds a value is, `3/5` where not all that are planned are there."""
    count = len(ours.folds)
    if count < ours.planned:
        return f"{count}/{ours.planned}"
    return str(count) if ours.complete else f"{count}, {ours.runs}/{ours.planned_runs} runs"


def stacked(row: GridRow) -> tuple[StackedLine, ...]:
    """Return a row as lines under each other: ours, published, gap; one where none is ours."""
    labels = tuple(label.text if label else "" for label in row.labels)
    printed = tuple((cell.printed, cell.bold) for cell in row.cells)
    if not row.has_own:
        return (StackedLine(labels, "", printed),)
    ours = [cell.ours or (f"({cell.word})" if cell.word else MISSING) for cell in row.cells]
    lines = [(OURS, tuple((text, False) for text in ours)), (PUBLISHED, printed)]
    if any(cell.ours for cell in row.cells):
        lines.append((GAP, tuple((gap_and_folds(cell), False) for cell in row.cells)))
    none = ("",) * len(labels)
    return tuple(
        StackedLine(none if index else labels, what, texts)
        for index, (what, texts) in enumerate(lines)
    )


def gap_and_folds(cell: Shown) -> str:
    """Return `+0.90 (5) =`, with the mark of the verdict; nothing where there is no gap."""
    return f"{cell.gap} ({cell.folds}) {cell.mark}".strip() if cell.ours else ""


def _value(ours: OurValue, scale: int) -> str:
    if scale == 100:
        return accuracy(ours.mean, ours.sd)
    return f"{ours.mean:.3f}" if ours.sd is None else f"{ours.mean:.3f}±{ours.sd:.3f}"
