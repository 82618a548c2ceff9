"""What a publication's tables hold once our results stand in them; nothing of how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from mpcs_bench.report.comparing import FoldOf
from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.model import Column, Coverage, Decision, Provenance, Unit
from mpcs_bench.report.published.records import Publication, PublishedCell, PublishedTable
from mpcs_bench.report.verdicts.records import CellVerdict, ClaimVerdict

if TYPE_CHECKING:
    from mpcs_bench.report.figures.entry import FigureEntry

PAPER_SCALE = "paper"


@dataclass(frozen=True, slots=True)
class OurValue:
    """Our value of a published cell, as a proportion in [0, 1].

    `units` holds one value per split seed, fold and seed, `folds` one per split seed and fold,
    seeds averaged first; `mean` and `sd` (sample standard deviation) are over the folds. In a Mean
    column `mean` is the mean of the columns' means and `sd` the mean of their standard deviations,
    as the paper prints them; `folds` then holds each fold's mean over the columns, and `spread`
    their standard deviation. `runs` counts folds and seeds. `splits` are the hashes of each fold's
    splits, `ratios` its n_test/n_train in groups, where known.
    """

    mean: float
    sd: float | None
    folds: Mapping[FoldOf, float]
    planned: int
    runs: int
    planned_runs: int
    spread: float | None = None
    is_mean: bool = False
    selected_on_test: bool = False
    splits: Mapping[FoldOf, frozenset[str]] = field(default_factory=dict)
    ratios: Mapping[FoldOf, float] = field(default_factory=dict)
    units: Mapping[Unit, float] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every planned run has its value."""
        return self.runs == self.planned_runs


@dataclass(frozen=True, slots=True)
class Absence:
    """Why there is no value of ours: in a word or two, and in full."""

    word: str
    reason: str


@dataclass(frozen=True, slots=True)
class FilledCell:
    """A published cell with ours beside it, or with why ours is not there.

    Cells of the literature, and those without a number of an experiment, have neither, and no
    `verdict`. `group` are the cells of ours behind the value, `columns` the magnifications.
    """

    published: PublishedCell
    ours: OurValue | None = None
    absence: Absence | None = None
    encoder: str | None = None
    protocols: tuple[str, ...] = ()
    verdict: CellVerdict | None = None
    group: RowGroup | None = None
    columns: tuple[Column, ...] = ()

    @property
    def gap(self) -> float | None:
        """Return ours minus published as proportions, None where one of them is not there."""
        if self.ours is None or self.published.mean is None:
            return None
        return self.ours.mean - self.published.mean / self.published.scale


@dataclass(frozen=True, slots=True)
class Departure:
    """Something in which our runs are not what the published value is of.

    `experiments` are those that it concerns; `intended` are what stood there instead, in the
    publication or in the protocol at the paper's scale.
    """

    kind: str
    name: str
    ours: str
    intended: tuple[str, ...]
    experiments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """The runs that fill one table: of one scale, under one set of decisions and settings.

    `encoder` is named where it is none of the publication's. `unheld` are the experiments whose
    settings could not be held to a protocol at the paper's scale.
    """

    scale: str
    encoder: str | None
    protocols: tuple[str, ...]
    departures: tuple[Departure, ...]
    unheld: tuple[str, ...] = ()

    @property
    def comparable(self) -> bool:
        """Whether nothing is known that keeps these runs from the published values."""
        return not self.departures


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A published table with the results of one variant in it; `cells` are as in the publication.

    `name` is that of its files; `margins` are the margins of equivalence that its protocols fix, in
    percentage points, the smallest first; `margin_notes` say what of them was set after the run.
    """

    name: str
    published: PublishedTable
    variant: Variant
    cells: tuple[FilledCell, ...]
    margins: tuple[float, ...]
    margin_notes: tuple[str, ...] = ()

    @property
    def margin(self) -> float:
        """The margin that its values are held to: the smallest."""
        return self.margins[0]

    def rows(self) -> list[tuple[FilledCell, ...]]:
        """Return the cells row by row."""
        width = len(self.published.columns)
        count = len(self.published.rows)
        return [self.cells[i * width : (i + 1) * width] for i in range(count)]


@dataclass(frozen=True, slots=True)
class Unfed:
    """A published table of which the protocols hold no experiment."""

    table: PublishedTable
    experiments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PaperReport:
    """A publication's tables and figures from our results; `notes` come from the protocols."""

    publication: Publication
    protocols: tuple[str, ...]
    tables: tuple[PaperTable, ...]
    claims: tuple[ClaimVerdict, ...]
    unfed: tuple[Unfed, ...]
    figures: tuple[FigureEntry, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    decisions: tuple[Decision, ...]
    coverage: Coverage
    provenance: Provenance
    created: datetime
