"""What goes into the store besides plans, states and results; and what a commit reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SampleSource:
    """A sample index on disk: `cache/index/<fingerprint>.parquet`, and the data set's name."""

    fingerprint: str
    path: Path
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One test of one candidate against a baseline (statistics: `docs/database.md`).

    `dataset` is the candidate's. `magnification` 0 means the mean over magnifications, or none.
    `unit` is what was resampled or paired (fold, patient, image), `method` the name of the test,
    `question` what its answer is about. `smallest_p` is the smallest p-value that this many units
    could have given, `smallest_p_adjusted` the same after the correction of `p_adjusted`. `effect`
    and `details` (JSON) are what `method` adds (`docs/compare.md`).
    """

    protocol: str
    baseline: str
    candidate: str
    metric: str
    dataset: str
    magnification: int
    unit: str
    method: str
    computed_at: datetime
    question: str | None = None
    n: int | None = None
    mean_difference: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    statistic: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    smallest_p: float | None = None
    smallest_p_adjusted: float | None = None
    effect: float | None = None
    details: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedValue:
    """One cell of a printed table; `magnification` 0 means a mean over them, or none.

    Positions count from 0. `citation` is the key in the publication's references, `reference`
    the entry itself.
    """

    table_id: str
    row_id: str
    column_id: str
    printed: str
    row_position: int = 0
    column_position: int = 0
    row_label: str | None = None
    column_label: str | None = None
    dataset: str | None = None
    encoder: str | None = None
    method: str | None = None
    strategy: str | None = None
    experiment: str | None = None
    metric: str | None = None
    part: str | None = None
    magnification: int = 0
    label_fraction: float | None = None
    adaptation: str | None = None
    mean: float | None = None
    sd: float | None = None
    unit: str | None = None
    bold: bool = False
    literature: bool = False
    citation: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedClaim:
    """One claim of a publication's text; cells are named `table/row/column`."""

    claim_id: str
    position: int
    kind: str
    section: str
    place: str
    quote: str
    unit: str | None = None
    value: float | None = None
    plus_minus: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    experiments: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    baseline: tuple[str, ...] = ()
    paired_by: tuple[str, ...] = ()
    quantifier: str = "all"
    unchecked: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedSource:
    """What a publication prints and claims; `digest` tells one state of its files from another."""

    source: str
    digest: str
    values: tuple[PublishedValue, ...] = ()
    claims: tuple[PublishedClaim, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """The verdict on one published cell, or (`claim_id`) on one claim (docs/verdicts.md).

    `runs` names the table of ours that it is of. Differences and margins are percentage points;
    of a claim they are those of the comparison that decided it. `z` is a cell's difference in
    standard errors.
    """

    source: str
    verdict: str
    computed_at: datetime
    table_id: str | None = None
    row_id: str | None = None
    column_id: str | None = None
    claim_id: str | None = None
    runs: str | None = None
    protocols: tuple[str, ...] = ()
    scale: str | None = None
    reasons: tuple[str, ...] = ()
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    smallest_margin: float | None = None
    n: int | None = None
    z: float | None = None


@dataclass(frozen=True, slots=True)
class CommitReport:
    """What a commit did.

    `added` are the keys of new results, `present` of those that were there before; `damaged` maps
    result folders that were left out to what is wrong with them: look at it.
    """

    added: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    damaged: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
