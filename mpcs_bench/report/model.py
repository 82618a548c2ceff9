"""What a report holds, before anything decides how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from mpcs_bench.report.compare.outcome import Outcome
from mpcs_bench.stats import (
    EQUAL_WITHIN,
    ColumnMean,
    FoldSummary,
    PairedT,
    PooledValue,
    SignedRank,
    SignFlip,
)

ALPHA = 0.05
DIRECTIONS = ("higher", "lower")


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as the tables name it; `item` is what it counts (image, patient, patch)."""

    name: str
    title: str
    short: str
    item: str


@dataclass(frozen=True, slots=True, order=True)
class Column:
    """One train and one test magnification; None where the data set has none or all were used."""

    train: int | None
    test: int | None

    @property
    def label(self) -> str:
        """Name the column as the paper does: 40X; 200X → 40X across; all without magnifications."""
        if self.train is None or self.train == self.test:
            return _magnification(self.test)
        return f"{_magnification(self.train)} → {_magnification(self.test)}"

    @property
    def within(self) -> bool:
        """Whether the model was tested at what it was trained at."""
        return self.train is None or self.train == self.test


def averaged(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns that the Mean is over: single magnifications, tested as trained.

    Empty where there are fewer than two: then there is no Mean.
    """
    found = tuple(column for column in columns if column.within and column.test is not None)
    return found if len(found) > 1 else ()


def _magnification(value: int | None) -> str:
    return "all" if value is None else f"{value}X"


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """What one value belongs to; replicates of a unit are averaged before anything else."""

    split_seed: int
    fold: int
    seed: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell of the table: a method at a column; `summary` is None where no value is there.

    `values` holds a proportion in [0, 1] for each unit, `planned` the units that should be there.
    `problem` says why values were set aside.
    """

    column: Column
    values: dict[Unit, float]
    planned: tuple[Unit, ...]
    summary: FoldSummary | None
    pooled: PooledValue | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One method under one set of conditions.

    `variant` names what sets it apart from rows of the same label. `mean` is the paper's Mean
    column (None where a magnification has no value), `fold_mean` the summary over units of their
    mean over magnifications: the same centre, where nothing is missing, another spread.
    """

    experiment: str
    label: str
    variant: tuple[tuple[str, str], ...]
    scale: str
    control: bool
    selected_on_test: bool
    entries: tuple[Entry, ...]
    mean: ColumnMean | None
    fold_mean: FoldSummary | None

    @property
    def name(self) -> str:
        """Return label and variant, as text refers to the row."""
        settings = ", ".join(f"{name} = {value}" for name, value in self.variant)
        return f"{self.label} ({settings})" if settings else self.label

    @property
    def key(self) -> str:
        """Return experiment and variant: what names the row in the store."""
        settings = ",".join(f"{name}={value}" for name, value in self.variant)
        return f"{self.experiment}[{settings}]" if settings else self.experiment


class FoldDifference(NamedTuple):
    """Candidate minus baseline in one fold, seeds averaged, and its n_test/n_train in groups."""

    split_seed: int
    fold: int
    difference: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A method against the baseline, at one column or (`column` None) over all magnifications.

    Differences are candidate minus baseline, as proportions. `test` decides over folds: the seeds
    of a fold are averaged first. `every_seed`, there only where a fold has several, counts each of
    them and decides nothing. `p_adjusted` is Holm's of `test` over the columns of one method; None
    for the mean, which is a question of its own. `refused` says why nothing was compared; then all
    tests are None. `folds` are the differences behind the tests. `trained` has the tests for these
    trained models on new patients or images, the deciding one first; where there are none,
    `not_asked` says why.
    """

    candidate: str
    candidate_name: str
    baseline: str
    baseline_name: str
    column: Column | None
    test: PairedT | None = None
    every_seed: PairedT | None = None
    sign_flip: SignFlip | None = None
    signed_rank: SignedRank | None = None
    p_adjusted: float | None = None
    refused: str | None = None
    notes: tuple[str, ...] = ()
    folds: tuple[FoldDifference, ...] = ()
    trained: tuple[Outcome, ...] = ()
    not_asked: str | None = None

    @property
    def finding(self) -> str:
        """Say what was found, and never more: a difference not shown may well be there.

        Methods are higher or lower only where the trained models say so too; where these could
        not be asked, over folds only.
        """
        found = self.over_folds
        if found not in DIRECTIONS or self.of_trained == found:
            return found
        return f"{found} over folds only" if self.of_trained == "not asked" else "not shown"

    @property
    def of_trained(self) -> str:
        """Say what was found for these trained models, on new patients or images."""
        return self.decisive.finding if self.decisive else "not asked"

    @property
    def decisive(self) -> Outcome | None:
        """The test that answers for the trained models."""
        return next((outcome for outcome in self.trained if outcome.decisive), None)

    @property
    def resampled(self) -> Outcome | None:
        """The bootstrap that gives the interval of the trained models' difference."""
        return next(
            (o for o in self.trained if o.interval is not None and o.difference is not None), None
        )

    @property
    def over_folds(self) -> str:
        """Say what the deciding test over folds found."""
        if self.refused is not None or self.test is None:
            return "not compared"
        if self.test.p is None:
            return "equal" if abs(self.test.mean_difference) <= EQUAL_WITHIN else "no variance"
        if (self.test.p if self.p_adjusted is None else self.p_adjusted) > self.test.alpha:
            return "not shown"
        return "higher" if self.test.mean_difference > 0 else "lower"


@dataclass(frozen=True, slots=True)
class Block:
    """One table: a metric on a data set; `rows` are methods first, then controls."""

    dataset: str
    metric: Metric
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def has_mean(self) -> bool:
        """Whether there are at least two magnifications to average over."""
        return bool(averaged(self.columns))


@dataclass(frozen=True, slots=True)
class Missing:
    """Cells without a result, alike in method, magnification, state and reason."""

    label: str
    train_magnification: int | None
    state: str
    reason: str | None
    units: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many cells there are, in which state, and which have no result, with the reason."""

    planned: int
    states: dict[str, int]
    missing: tuple[Missing, ...]

    @property
    def done(self) -> int:
        """Return the number of finished cells."""
        return self.states.get("done", 0)


@dataclass(frozen=True, slots=True)
class Decision:
    """An entry of the ledger that the numbers rest on, and what each experiment took."""

    entry: str
    question: str
    taken: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers come from: the data as read, how they were split, by which code, where."""

    fingerprints: dict[str, tuple[str, ...]] = field(default_factory=dict)
    split_hashes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    environments: tuple[dict[str, str], ...] = ()
    first_finished: datetime | None = None
    last_finished: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One protocol's results: tables, comparisons, what is missing, and where it comes from.

    `verdicts` are sentences on the published values that its experiments have.
    """

    protocol: str
    title: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    blocks: tuple[Block, ...]
    coverage: Coverage
    decisions: tuple[Decision, ...]
    provenance: Provenance
    created: datetime
    verdicts: tuple[str, ...] = ()
