"""A publication as the harness holds it: tables, cells, claims, references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mpcs_bench.errors import BenchError, Location, did_you_mean

Unit = Literal["percent", "fraction", "number"]
ClaimKind = Literal[
    "value",
    "improvement",
    "improvement-range",
    "significance",
    "equality",
    "reaches",
    "ordering",
    "outperforms",
]
Basis = Literal["stated", "derived", "unknown"]
Magnification = int | Literal["mean"]

FACTS = (
    *("dataset", "metric", "part", "method", "strategy", "encoder", "magnification"),
    *("label_fraction", "adaptation", "experiment"),
)
"""What a cell is a value of; no two numbers of one table have all of these in common."""


class PublishedError(BenchError):
    """Files of a publication say something that cannot be, or are not there."""


@dataclass(frozen=True, slots=True)
class PublishedCell:
    """One cell of a printed table.

    `mean` and `sd` are in `unit`, as printed; both None where the cell has text or nothing. A
    cell without `metric` is text. `magnification` 'mean' marks a mean over the magnifications.
    `strategy`, `encoder`, `metric`, `part`, `adaptation` and `experiment` are the harness's names
    where it has one. `citation` is a key of `Publication.references`.
    """

    table: str
    row: str
    column: str
    printed: str
    location: Location = field(compare=False)
    mean: float | None = None
    sd: float | None = None
    decimals: int | None = None
    sd_decimals: int | None = None
    bold: bool = False
    dataset: str | None = None
    metric: str | None = None
    unit: Unit | None = None
    part: str | None = None
    method: str | None = None
    strategy: str | None = None
    encoder: str | None = None
    magnification: Magnification | None = None
    label_fraction: float | None = None
    adaptation: str | None = None
    experiment: str | None = None
    literature: bool = False
    citation: str | None = None

    @property
    def name(self) -> str:
        """The cell's name within its publication: `table/row/column`."""
        return f"{self.table}/{self.row}/{self.column}"

    @property
    def scale(self) -> int:
        """What a proportion in [0, 1] is multiplied by to stand in this cell: 100 or 1."""
        return 100 if self.unit == "percent" else 1

    def facts(self) -> tuple[object, ...]:
        """Return the values of `FACTS`."""
        return tuple(getattr(self, name) for name in FACTS)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column as printed: one label per line of the head, the uppermost first."""

    id: str
    labels: tuple[str, ...]
    note: str | None = None


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row as printed: one label per head column, from the left.

    Rows of one `block` stand together, and the best value of each column is sought among them.
    """

    id: str
    labels: tuple[str, ...]
    block: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A printed table; `cells` holds one cell for each row and column, row by row.

    Equal labels of neighbours are printed once and span them; an empty label continues the one
    above it.
    """

    id: str
    number: str
    caption: str
    row_heads: tuple[str, ...]
    rows: tuple[TableRow, ...]
    columns: tuple[TableColumn, ...]
    cells: tuple[PublishedCell, ...]
    note: str | None = None

    def cell(self, row: str, column: str) -> PublishedCell:
        """Return one cell; raises PublishedError where there is none."""
        for cell in self.cells:
            if (cell.row, cell.column) == (row, column):
                return cell
        rows, columns = [r.id for r in self.rows], [c.id for c in self.columns]
        what, name, known = ("column", column, columns) if row in rows else ("row", row, rows)
        raise PublishedError(
            f"{self.id} has no {what} '{name}'.{did_you_mean(name, known)}",
            hint=f"It has: {', '.join(known)}.",
        )

    def grid(self) -> Iterator[tuple[TableRow, tuple[PublishedCell, ...]]]:
        """Yield every row with its cells, as printed."""
        width = len(self.columns)
        for index, row in enumerate(self.rows):
            yield row, self.cells[index * width : (index + 1) * width]


@dataclass(frozen=True, slots=True)
class Reference:
    """An entry of the publication's own list of references."""

    key: str
    citation: str


@dataclass(frozen=True, slots=True)
class TestItems:
    """How many items each fold's test part has, for the publication's own rows.

    `sizes` holds every possibility, each with one number per fold; none where `basis` is
    'unknown'. Literature is never meant.
    """

    __test__ = False  # no test, for all its name

    dataset: str
    metrics: tuple[str, ...]
    parts: tuple[str, ...]
    basis: Basis
    sizes: tuple[tuple[int, ...], ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """The numbers of a claim: differences and values in `unit`, `p` an upper bound."""

    unit: Unit | None = None
    value: float | None = None
    plus_minus: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of the publication's text.

    `subject` are the cells that it is about, `baseline` those that they are held to; a subject
    is held to every baseline with the same `paired_by` facts (`column`: the same column).
    `quantifier` says of how many pairs it speaks. `unchecked` says why no table can settle it.
    """

    id: str
    kind: ClaimKind
    section: str
    place: str
    quote: str
    claimed: Claimed
    subject: tuple[PublishedCell, ...]
    baseline: tuple[PublishedCell, ...]
    paired_by: tuple[str, ...]
    quantifier: Literal["all", "some"]
    unchecked: str | None
    note: str | None
    location: Location = field(compare=False)

    def pairs(self) -> tuple[tuple[PublishedCell, PublishedCell], ...]:
        """Return each subject with each of its baselines; cells that print no number are out."""
        return tuple(
            (subject, baseline)
            for subject in self.subject
            for baseline in self.baseline
            if subject.mean is not None
            and baseline.mean is not None
            and subject.name != baseline.name
            and all(getattr(subject, f) == getattr(baseline, f) for f in self.paired_by)
        )

    def experiments(self) -> tuple[str, ...]:
        """Return the experiments that the claim's cells come from, in order."""
        named = (cell.experiment for cell in (*self.subject, *self.baseline))
        return tuple(dict.fromkeys(name for name in named if name is not None))


@dataclass(frozen=True, slots=True)
class Publication:
    """A publication's printed values and claims; `digest` is the SHA-256 of its files.

    `folds` is over how many folds its standard deviations are, None where it does not say.
    """

    id: str
    title: str
    authors: tuple[str, ...]
    venue: str
    year: int
    note: str | None
    folder: Path
    digest: str
    test_items: tuple[TestItems, ...]
    references: Mapping[str, Reference]
    tables: Mapping[str, PublishedTable]
    claims: tuple[Claim, ...]
    folds: int | None = None

    def table(self, name: str) -> PublishedTable:
        """Return a table by its id (`table-5`); raises PublishedError where there is none."""
        if name in self.tables:
            return self.tables[name]
        raise PublishedError(
            f"{self.id} has no table '{name}'.{did_you_mean(name, list(self.tables))}",
            hint=f"Its tables: {', '.join(self.tables)}.",
        )

    def cells(self) -> Iterator[PublishedCell]:
        """Yield the cells of all tables, in the order of print."""
        for table in self.tables.values():
            yield from table.cells

    def folds_of(self, cell: PublishedCell) -> int | None:
        """Return over how many folds a cell's sd is: of its test items, else of the publication."""
        items = self.items_of(cell)
        return len(items.sizes[0]) if items is not None and items.sizes else self.folds

    def items_of(self, cell: PublishedCell) -> TestItems | None:
        """Return what is declared about the test items of a cell of the publication's own."""
        if cell.literature:
            return None
        for items in self.test_items:
            known = cell.metric in items.metrics and cell.part in items.parts
            if known and cell.dataset == items.dataset:
                return items
        return None
