"""What the stages of a plan will take: hours, memory and disk, from what was measured here.

An extrapolation: steps that were timed, times how many steps and images there are, and what a
stage takes besides. Preparing data, reports and the database are not in it.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from mpcs_bench.engine.stage_costs import StageCosts, makespan
from mpcs_bench.engine.stage_counts import StageCounter
from mpcs_bench.engine.stage_work import StageWork
from mpcs_bench.engine.workload import KINDS, Workload
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.protocol.canonical import digest
from mpcs_bench.stages.calibration import Calibration, Measurement

N = TypeVar("N", int, float)

NEVER_MEASURED = "never measured on this device: run `mpcs-bench plan --calibrate`"
NO_COUNTS = "how many images it has is known only from its data"
BUSY = 0.25
"""Others that keep so much of a core busy, or more, are worth a word."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that nothing is forecast of, why, and how many stages it concerns."""

    what: str
    why: str
    stages: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """Hours, bytes, and what they rest on; None: not known.

    `hours` are device-hours by stage kind, None where a stage of the kind is unknown; `total` is
    their sum, `at_least` that of the stages that are known; `wall` with `jobs` stages at once
    (`jobs_why` says why so many), each after its upstream. `memory_bytes` is that of the largest
    stage, `memory_stage`. `disk_bytes` is by purpose; `disk_free` what the disk has left.
    """

    calibration: Calibration
    jobs: int
    stages: int
    hours: Mapping[str, float | None]
    total: float | None
    at_least: float
    wall: float | None
    memory_bytes: int | None
    memory_stage: str | None
    disk_bytes: Mapping[str, int | None]
    disk_free: int
    spread: float | None
    unknown: tuple[Unknown, ...] = ()
    declared: tuple[str, ...] = ()
    may_stop_early: int = 0
    warnings: tuple[str, ...] = field(default=())
    jobs_why: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        device = self.calibration.device
        return {
            "device": {
                "kind": device.kind,
                "name": device.name,
                "torch": device.torch,
                "memory_bytes": device.memory_bytes,
                "calibrated": self.calibration.made,
            },
            "stages": self.stages,
            "jobs": self.jobs,
            "jobs_why": self.jobs_why,
            "hours": {
                "by_kind": dict(self.hours),
                "total": self.total,
                "at_least": self.at_least,
                "wall": self.wall,
            },
            "memory_bytes": self.memory_bytes,
            "memory_stage": self.memory_stage,
            "disk_bytes": {**self.disk_bytes, "total": _sum(self.disk_bytes.values())},
            "disk_free_bytes": self.disk_free,
            "spread_of_repeats": self.spread,
            "unknown": [
                {"what": item.what, "why": item.why, "stages": item.stages} for item in self.unknown
            ],
            "rests_on_declared_counts": list(self.declared),
            "may_stop_early": self.may_stop_early,
            "warnings": list(self.warnings),
        }


def forecast(
    works: Sequence[StageWork],
    calibration: Calibration,
    counter: StageCounter,
    workspace: Workspace,
    *,
    jobs: int,
    jobs_why: str = "",
    failures: Mapping[str, str] | None = None,
) -> Forecast:
    """Forecast what `works` will take on the calibrated device, `jobs` of them at once.

    `failures` says, by shape key, why a shape could not be measured.
    """
    costs = StageCosts(calibration, max(1, min(jobs, len(works))), partial(frames, counter))
    seconds = {work.spec.symbol: costs.seconds(work) for work in works}
    device = {work.spec.symbol: _times(seconds[work.spec.symbol], work.workload) for work in works}
    kinds = dict.fromkeys(work.spec.kind for work in works)
    by_kind = {
        str(kind): _sum(device[w.spec.symbol] for w in works if w.spec.kind == kind)
        for kind in kinds
    }
    total = _sum(device.values())
    largest = max(
        ((costs.memory(work), work.spec.symbolic) for work in works),
        key=lambda item: item[0] or 0,
        default=(None, None),
    )
    memory, stage = largest if largest[0] else (None, None)
    used = {shape.key: shape for work in works for shape in work.shapes()}
    measured = [found for shape in used.values() if (found := costs.of(shape))]
    return Forecast(
        calibration=calibration,
        jobs=jobs,
        stages=len(works),
        hours={kind: _hours(value) for kind, value in by_kind.items()},
        total=_hours(total),
        at_least=sum(value or 0.0 for value in device.values()) / 3600,
        wall=_hours(_wall(works, seconds, calibration, jobs)),
        memory_bytes=memory,
        memory_stage=stage,
        disk_bytes=_disk(works, costs, counter),
        disk_free=shutil.disk_usage(workspace.root).free,
        spread=max((m.spread for m in measured if m.spread is not None), default=None),
        unknown=_unknown(works, costs, failures or {}),
        declared=tuple(w.spec.symbolic for w in works if w.counts and w.counts.declared),
        may_stop_early=sum(bool(w.workload and w.workload.at_most) for w in works),
        warnings=(
            *_memory_warnings(memory, stage, calibration, costs.jobs),
            *_measured_warnings(measured, costs.jobs),
            *_shared_warnings(works),
        ),
        jobs_why=jobs_why,
    )


def _times(seconds: float | None, load: Workload | None) -> float | None:
    """Return the device time of a stage, each of its processes having a device of its own."""
    return None if seconds is None or load is None else seconds * load.processes


def _wall(
    works: Sequence[StageWork],
    seconds: Mapping[str, float | None],
    calibration: Calibration,
    jobs: int,
) -> float | None:
    """Return the time from the start of the workers until the last stage ends."""
    waits = calibration.disk_seconds
    known = {symbol: value + waits for symbol, value in seconds.items() if value is not None}
    if len(known) < len(seconds):
        return None
    return calibration.start_seconds + makespan(works, known, jobs) if works else 0.0


def _disk(
    works: Sequence[StageWork], costs: StageCosts, counter: StageCounter
) -> dict[str, int | None]:
    """Return what results and cache will fill; what stands already is counted again."""
    weights: list[int | None] = []
    working: dict[str, int | None] = {}
    originals: dict[str, int | None] = {}
    seen: set[tuple[str, object]] = set()
    for work in works:
        step = costs.of(work.training)
        if work.spec.kind == "pretrain":
            weights.append(step.encoder_bytes if step else None)
        elif work.spec.keep_weights:
            weights.append(step.model_bytes if step else None)
        need = work.spec.data
        point = need.symbol, work.counts.source if work.counts else None
        if point in seen:
            continue
        seen.add(point)
        data = digest([need.plugin, need.settings.root])
        size = digest([data, need.settings.image_size])
        if working.get(size) is None:
            working[size] = frames(counter, work)
            originals[data] = counter.original_bytes(need)
    return {
        "weights": _sum(weights),
        "working_frames": _sum(working.values()),
        "decoded_originals": _sum(originals.values()),
    }


def frames(counter: StageCounter, work: StageWork) -> int | None:
    """Return the bytes of the working frames of a stage; None where not known."""
    return counter.frame_bytes(work.spec.data, work.counts.source) if work.counts else None


def _unknown(
    works: Sequence[StageWork], costs: StageCosts, failures: Mapping[str, str]
) -> tuple[Unknown, ...]:
    found: Counter[tuple[str, str]] = Counter()
    for work in works:
        if work.counts is None:
            known = work.spec.kind in KINDS
            why = NO_COUNTS if known else "nothing is known of what such a stage takes"
            found[f"{work.spec.kind} on {work.spec.data.name}", why] += 1
        for shape in work.shapes():
            if costs.of(shape) is None:
                failure = failures.get(shape.key)
                why = f"it could not be measured: {failure}" if failure else NEVER_MEASURED
                found[str(shape), why] += 1
    return tuple(Unknown(what, why, stages) for (what, why), stages in found.items())


def _memory_warnings(
    memory: int | None, stage: str | None, calibration: Calibration, jobs: int
) -> tuple[str, ...]:
    """Warn of what the device's memory does not hold."""
    there, name = calibration.device.memory_bytes, calibration.device.name
    if memory is None:
        return ()
    if memory > there:
        return (f"{stage} needs {_gb(memory)} of memory, and {name} has {_gb(there)}",)
    if jobs * memory > there:
        return (
            f"{jobs} stages at once may need {_gb(jobs * memory)} of memory, and {name} has "
            f"{_gb(there)}: use fewer --jobs",
        )
    return ()


def _measured_warnings(measured: Sequence[Measurement], jobs: int) -> Iterator[str]:
    """Warn of steps that were measured in other company than they will have."""
    if other := sorted({one.at_once for one in measured} - {jobs}):
        yield (
            f"{jobs} at once, and steps were measured with {other[-1]}: "
            "`mpcs-bench plan --calibrate` measures them anew"
        )
    if (others := max((one.others for one in measured), default=0.0)) >= BUSY:
        yield (
            f"while steps were measured other programs kept up to {others:.1f} cores busy: "
            "hours may be too high, or too low where they go on"
        )


def _shared_warnings(works: Sequence[StageWork]) -> Iterator[str]:
    """Warn of stages on several processes, whose talk with each other nobody measured."""
    shared = [w.workload.processes for w in works if w.workload and w.workload.processes > 1]
    if shared:
        yield (
            f"{len(shared)} stages share their batches between {max(shared)} processes: what those "
            "send each other is not in it"
        )


def _sum(values: Iterable[N | None]) -> N | None:
    """Return the sum, None where one of the values is."""
    total: N = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 3600


def _gb(value: int) -> str:
    return f"{value / 1e9:.1f} GB"
