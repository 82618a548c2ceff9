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

    `magnification` 0 means the mean over magnifications, or none. `unit` is what was resampled or
    paired (fold, patient, image), `method` the name of the test. `smallest_p` is the smallest
    p-value that this many units could have given.
    """

    protocol: str
    baseline: str
    candidate: str
    metric: str
    magnification: int
    unit: str
    method: str
    computed_at: datetime
    n: int | None = None
    mean_difference: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    statistic: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    smallest_p: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedValue:
    """One printed value of a publication; `magnification` 0 means a mean over them, or none."""

    source: str
    table_id: str
    printed: str
    row_id: str | None = None
    column_id: str | None = None
    dataset: str | None = None
    encoder: str | None = None
    method: str | None = None
    experiment: str | None = None
    metric: str | None = None
    part: str | None = None
    magnification: int = 0
    label_fraction: float | None = None
    mean: float | None = None
    sd: float | None = None


@dataclass(frozen=True, slots=True)
class CommitReport:
    """What a commit did.

    `added` are the keys of new results, `present` of those that were there before; `damaged` maps
    result folders that were left out to what is wrong with them: look at it.
    """

    added: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    damaged: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
