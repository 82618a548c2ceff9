"""The plan: which stages and cells there are, which will run and why, which are blocked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from mpcs_bench.data.leakage import Finding
from mpcs_bench.protocol.cells import Cell, StageSpec
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.stages.job import StageJob

Status = Literal["done", "run", "blocked"]


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """A finding or a sentence, and the names of the data sets that it is about."""

    datasets: tuple[str, ...]
    what: T


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """A stage and what will become of it.

    `key` and `job` are None where the stage is blocked; `reason` says why it runs (new, code,
    params, data, failed, interrupted), or what is missing and how to supply it.
    """

    spec: StageSpec
    status: Status
    reason: str
    key: str | None = None
    job: StageJob | None = None


@dataclass(frozen=True, slots=True)
class PlanCell:
    """A cell and the key of the stage that gives its numbers (None: blocked)."""

    cell: Cell
    key: str | None
    status: Status
    conditions: dict[str, object]
    fingerprint: str | None = None
    split_hash: str | None = None
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to run: stages, upstream before downstream, and cells, by protocol.

    `members` are all cells of the protocols in order, those that `--only` leaves out included.

    `noticed` are sentences on what takes part and what does not; `audited` the findings of the
    leakage audit. Neither stops a run.
    """

    protocols: tuple[LoadedProtocol, ...]
    cells: tuple[PlanCell, ...]
    members: tuple[PlanCell, ...]
    stages: tuple[PlannedStage, ...]
    audited: tuple[Placed[Finding], ...] = ()
    noticed: tuple[Placed[str], ...] = ()
    samples: tuple[tuple[str, str], ...] = field(default=())
    """(data set name, fingerprint) of every index in use."""
    device: str = "cpu"
    """The device that its trainings use: cpu, cuda or cuda:N."""
    variation: str = ""
    """How the protocols were changed from what their files say: overlays and `--set`."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the leakage audit found."""
        return tuple(found.what for found in self.audited)

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences on what takes part and what does not."""
        return tuple(found.what for found in self.noticed)

    def notes(self, protocol: str) -> tuple[str, ...]:
        """Return what the tables of a protocol must say beside their numbers."""
        stages = [item.cell.stage for item in self.members if item.cell.protocol == protocol]
        used = {stage.data.name for stage in stages}
        used |= {stage.upstream.data.name for stage in stages if stage.upstream is not None}
        varied = (f"Changed from the protocol's file: {self.variation}",) if self.variation else ()
        notices = [found.what for found in self.noticed if used >= set(found.datasets)]
        audited = [found for found in self.audited if used >= set(found.datasets)]
        return (*varied, *notices, *_leakage_notes(audited))

    def count(self, status: Status) -> int:
        """Return how many stages have this status."""
        return sum(stage.status == status for stage in self.stages)

    def kinds(self) -> dict[str, int]:
        """Return the number of stages by kind."""
        return dict(Counter(stage.spec.kind for stage in self.stages))

    def blocked_reasons(self) -> list[str]:
        """Return what is missing, and how to supply it: each reason once."""
        return list(dict.fromkeys(s.reason for s in self.stages if s.status == "blocked"))

    @property
    def threads(self) -> int:
        """The most CPU threads that one of its stages asks for."""
        return max((int(stage.spec.spec.get("threads", 1)) for stage in self.stages), default=1)

    @property
    def cores(self) -> int:
        """The most CPU cores that one of its stages keeps busy: threads of all its processes."""
        specs = [stage.spec.spec for stage in self.stages]
        each = (int(spec.get("threads", 1)) * int(spec.get("processes", 1)) for spec in specs)
        return max(each, default=1)

    def to_run(self) -> list[PlannedStage]:
        """Return the stages that will run, upstream first."""
        return [stage for stage in self.stages if stage.status == "run"]


def _leakage_notes(audited: Sequence[Placed[Finding]]) -> Iterator[str]:
    """Sum up the leakage audit: one sentence a data set and rule, with the folds it concerns."""
    by_rule: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    for found in audited:
        finding = found.what
        said = "declared" if finding.declared else str(finding.severity)
        place = " to ".join(found.datasets), finding.rule, said
        folds = by_rule.setdefault(place, {}).setdefault(finding.message, [])
        folds += [] if finding.fold is None else [finding.fold]
    for (where, rule, said), messages in by_rule.items():
        told = "; ".join(message + _in_folds(folds) for message, folds in messages.items())
        yield f"Leakage audit of {where}, {rule} ({said}): {told}."


def _in_folds(folds: Sequence[int]) -> str:
    if not folds:
        return ""
    return f" (fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, sorted(folds)))})"


def filter_cells(cells: Sequence[Cell], only: dict[str, set[str]]) -> list[Cell]:
    """Return the cells whose axes have one of the values asked for, by axis name."""
    return [
        cell
        for cell in cells
        if all(axis_value(cell, name) in wanted for name, wanted in only.items())
    ]


def axis_value(cell: Cell, name: str) -> str:
    """Return a cell's value on an axis (experiment, a plugin axis, or a light axis) as text."""
    if name == "experiment":
        return cell.experiment
    if name in cell.names:
        return cell.names[name]
    return str(getattr(cell.axes, name))
