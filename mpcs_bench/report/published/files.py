"""What may stand in the files of a publication (docs/published.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from mpcs_bench.report.published.records import Basis, ClaimKind, Unit

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Fact = Literal[
    "dataset",
    "metric",
    "part",
    "method",
    "strategy",
    "encoder",
    "magnification",
    "label_fraction",
    "adaptation",
    "experiment",
    "table",
    "row",
    "column",
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TestItemsEntry(_Model):
    """Items of a fold's test part, for one data set's metrics."""

    __test__ = False

    dataset: Id
    metrics: Annotated[tuple[Id, ...], Field(min_length=1)]
    parts: Annotated[tuple[Id, ...], Field(min_length=1)] = ("test",)
    basis: Basis
    sizes: tuple[Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)], ...] = ()
    reason: Text

    @model_validator(mode="after")
    def _sizes_where_known(self) -> TestItemsEntry:
        if bool(self.sizes) == (self.basis == "unknown"):
            raise ValueError("sizes are given exactly where the basis is not 'unknown'")
        return self


class PaperFile(_Model):
    """`paper.yaml`."""

    id: Id
    title: Text
    authors: Annotated[tuple[Text, ...], Field(min_length=1)]
    venue: Text
    year: Annotated[int, Field(ge=1900, le=2100)]
    note: Text | None = None
    folds: Annotated[int, Field(ge=2)] | None = None
    test_items: tuple[TestItemsEntry, ...] = ()
    references: dict[str, Text] = Field(default_factory=dict)


class LabelledEntry(_Model):
    """A column of a layout; a row is one too."""

    id: Id
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    note: Text | None = None


class RowEntry(LabelledEntry):
    """A row of a layout."""

    block: Id | None = None


class TableEntry(_Model):
    """The layout of one table."""

    number: Text
    caption: Text
    note: Text | None = None
    row_heads: Annotated[tuple[str, ...], Field(min_length=1)]
    columns: Annotated[tuple[LabelledEntry, ...], Field(min_length=1)]
    rows: Annotated[tuple[RowEntry, ...], Field(min_length=1)]


class TablesFile(_Model):
    """`tables.yaml`."""

    tables: Annotated[dict[Id, TableEntry], Field(min_length=1)]


class CellLine(_Model):
    """A line of a table's CSV file; an empty field is one that is not given."""

    row: Id
    column: Id
    printed: str = ""
    mean: float | None = None
    sd: float | None = None
    bold: bool = False
    dataset: Id | None = None
    metric: Id | None = None
    unit: Unit | None = None
    part: Id | None = None
    method: Text | None = None
    strategy: Id | None = None
    encoder: Id | None = None
    magnification: Annotated[int, Field(ge=1)] | Literal["mean"] | None = None
    label_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    adaptation: Id | None = None
    experiment: Id | None = None
    literature: bool = False
    citation: Text | None = None


class Selection(_Model):
    """Cells of one table: ids of rows and columns, or patterns with `*`; all where left out."""

    table: Id
    rows: Annotated[tuple[Text, ...], Field(min_length=1)] = ("*",)
    columns: Annotated[tuple[Text, ...], Field(min_length=1)] = ("*",)


class ClaimedEntry(_Model):
    """The numbers of a claim."""

    unit: Unit | None = None
    value: float | None = None
    plus_minus: Annotated[float, Field(ge=0)] | None = None
    low: float | None = None
    high: float | None = None
    p: Annotated[float, Field(gt=0, le=1)] | None = None


class ClaimEntry(_Model):
    """One claim."""

    id: Id
    kind: ClaimKind
    section: Text
    place: Text
    quote: Text
    claimed: ClaimedEntry = ClaimedEntry()
    subject: tuple[Selection, ...] = ()
    baseline: tuple[Selection, ...] = ()
    paired_by: tuple[Fact, ...] = ()
    quantifier: Literal["all", "some"] = "all"
    unchecked: Text | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _numbers_of_its_kind(self) -> ClaimEntry:
        numbers = self.claimed
        wanted = {
            "value": numbers.value,
            "improvement": numbers.value,
            "significance": numbers.p,
        }
        if self.kind in wanted and wanted[self.kind] is None and self.unchecked is None:
            name = "p" if self.kind == "significance" else "value"
            raise ValueError(f"a claim of kind '{self.kind}' needs 'claimed: {{{name}: ...}}'")
        if self.kind == "improvement-range" and (
            numbers.low is None or numbers.high is None or numbers.low > numbers.high
        ):
            raise ValueError("a claim of kind 'improvement-range' needs 'claimed' low <= high")
        if not self.subject and self.unchecked is None:
            raise ValueError("without a 'subject' a claim needs 'unchecked', the reason why")
        if self.baseline and not self.subject:
            raise ValueError("a 'baseline' needs a 'subject'")
        return self


class ClaimsFile(_Model):
    """`claims.yaml`."""

    claims: tuple[ClaimEntry, ...] = ()
