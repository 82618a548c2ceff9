"""What the stages of a plan will take: hours, memory and disk, from what was measured here.

An extrapolation: steps that were timed at small batches, times how many steps and images there
are. Preparing data, reports and the database are not in it.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mpcs_bench.engine.stage_counts import StageCounter
from mpcs_bench.engine.stage_work import StageWork
from mpcs_bench.engine.workload import KINDS
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.protocol.canonical import digest
from mpcs_bench.stages.calibration import Calibration, Measurement, Shape

N = TypeVar("N", int, float)

NEVER_MEASURED = "never measured on this device: run `mpcs-bench plan --calibrate`"
NO_COUNTS = "how many images it has is known only from its data"
RESIDENT_SHARE = 0.5
"""Frames stay on a GPU where they fill at most this share of it (as in `stages.images`)."""


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
    their sum, `at_least` that of the stages that are known; `wall` with `jobs` stages at once,
    and never less than the longest chain. `memory_bytes` is that of the largest stage,
    `memory_stage`. `disk_bytes` is by purpose; `disk_free` what the disk has left.
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
    failures: Mapping[str, str] | None = None,
) -> Forecast:
    """Forecast what `works` will take on the calibrated device, `jobs` of them at once.

    `failures` says, by shape key, why a shape could not be measured.
    """
    seconds = {work.spec.symbol: _seconds(work, calibration) for work in works}
    kinds = dict.fromkeys(work.spec.kind for work in works)
    by_kind = {
        str(kind): _sum(seconds[w.spec.symbol] for w in works if w.spec.kind == kind)
        for kind in kinds
    }
    total = _sum(seconds.values())
    largest = max(
        ((_memory(work, calibration, counter), work.spec.symbolic) for work in works),
        key=lambda item: item[0] or 0,
        default=(None, None),
    )
    memory, stage = largest if largest[0] else (None, None)
    used = {shape.key: shape for work in works for shape in work.shapes()}
    measured = [found for shape in used.values() if (found := calibration.of(shape))]
    return Forecast(
        calibration=calibration,
        jobs=jobs,
        stages=len(works),
        hours={kind: _hours(value) for kind, value in by_kind.items()},
        total=_hours(total),
        at_least=sum(value or 0.0 for value in seconds.values()) / 3600,
        wall=_hours(_wall(works, seconds, total, calibration, jobs)),
        memory_bytes=memory,
        memory_stage=stage,
        disk_bytes=_disk(works, calibration, counter),
        disk_free=shutil.disk_usage(workspace.root).free,
        spread=max((m.spread for m in measured if m.spread is not None), default=None),
        unknown=_unknown(works, calibration, failures or {}),
        declared=tuple(w.spec.symbolic for w in works if w.counts and w.counts.declared),
        may_stop_early=sum(bool(w.workload and w.workload.at_most) for w in works),
        warnings=_warnings(memory, stage, calibration, min(jobs, len(works))),
    )


def _seconds(work: StageWork, calibration: Calibration) -> float | None:
    """Return the device time of one stage, with building its network."""
    load = work.workload
    if load is None:
        return None
    total, setup = 0.0, 0.0
    parts = ((work.testing, load.passes, load.evaluated), (work.training, load.steps, load.trained))
    for shape, steps, images in parts:
        if shape is not None:
            measurement = calibration.of(shape)
            if measurement is None:
                return None
            total += measurement.seconds(steps, images)
            setup = measurement.setup_seconds
    return total + setup


def _wall(
    works: Sequence[StageWork],
    seconds: Mapping[str, float | None],
    total: float | None,
    calibration: Calibration,
    jobs: int,
) -> float | None:
    """Return the time until the last stage ends: jobs share the work, chains are not cut."""
    if total is None:
        return None
    if not works:
        return 0.0
    chains = []
    for work in works:
        upstream = work.spec.upstream
        before = seconds.get(upstream.symbol, 0.0) if upstream is not None else 0.0
        chains.append((before or 0.0) + (seconds[work.spec.symbol] or 0.0))
    return calibration.start_seconds + max(total / jobs, *chains)


def _memory(work: StageWork, calibration: Calibration, counter: StageCounter) -> int | None:
    """Return the most that a stage holds at once: state, activations, images on a GPU."""
    load, counts = work.workload, work.counts
    training, testing = _found(work.training, calibration), _found(work.testing, calibration)
    state = training or testing
    if load is None or counts is None or state is None:
        return None
    batches = ((training, load.batch), (testing, load.evaluation_batch))
    activations = max(m.activation_bytes(n) for m, n in batches if m is not None)
    held = calibration.process_bytes if calibration.device.kind == "cpu" else 0
    if work.spec.spec.get("selection", {}).get("rule", "last") != "last" and training is not None:
        held += training.model_bytes  # the best epoch's weights
    if calibration.device.kind != "cpu":
        frames = _frames(work, counter)
        if frames is not None and frames <= RESIDENT_SHARE * calibration.device.memory_bytes:
            held += frames
    return held + state.state_bytes + activations


def _found(shape: Shape | None, calibration: Calibration) -> Measurement | None:
    return None if shape is None else calibration.of(shape)


def _disk(
    works: Sequence[StageWork], calibration: Calibration, counter: StageCounter
) -> dict[str, int | None]:
    """Return what results and cache will fill; what stands already is counted again."""
    weights: list[int | None] = []
    frames: dict[str, int | None] = {}
    originals: dict[str, int | None] = {}
    seen: set[tuple[str, object]] = set()
    for work in works:
        step = _found(work.training, calibration)
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
        if frames.get(size) is None:
            frames[size] = _frames(work, counter)
            originals[data] = counter.original_bytes(need)
    return {
        "weights": _sum(weights),
        "working_frames": _sum(frames.values()),
        "decoded_originals": _sum(originals.values()),
    }


def _frames(work: StageWork, counter: StageCounter) -> int | None:
    return counter.frame_bytes(work.spec.data, work.counts.source) if work.counts else None


def _unknown(
    works: Sequence[StageWork], calibration: Calibration, failures: Mapping[str, str]
) -> tuple[Unknown, ...]:
    found: Counter[tuple[str, str]] = Counter()
    for work in works:
        if work.counts is None:
            known = work.spec.kind in KINDS
            why = NO_COUNTS if known else "nothing is known of what such a stage takes"
            found[f"{work.spec.kind} on {work.spec.data.name}", why] += 1
        for shape in work.shapes():
            if calibration.of(shape) is None:
                failure = failures.get(shape.key)
                why = f"it could not be measured: {failure}" if failure else NEVER_MEASURED
                found[str(shape), why] += 1
    return tuple(Unknown(what, why, stages) for (what, why), stages in found.items())


def _warnings(
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
