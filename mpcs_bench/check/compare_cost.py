"""Time and memory, in units of a reference step that was measured in the same run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mpcs_bench.check.baseline import Observation, StageRecord
from mpcs_bench.check.items import Item
from mpcs_bench.check.promise import device_kind

TIME_SLACK = 2.0
MEMORY_SLACK = 1.5


@dataclass(frozen=True, slots=True)
class Slack:
    """How many times the baseline's cost is still fine."""

    time: float = TIME_SLACK
    memory: float = MEMORY_SLACK


_ADVICE = {
    "time": "see what else this machine did meanwhile and run again; --time-slack allows more",
    "memory": "--memory-slack allows more",
}


def compare_cost(before: Observation, after: Observation, slack: Slack) -> Iterator[Item]:
    """Yield two items for each kind of stage.

    Of a kind the fastest stage counts: what else a machine does slows some of them down, and
    makes none faster. The memory is the least peak of a stage of the kind, for a like reason:
    a process keeps what an earlier stage left.
    """
    kinds = dict.fromkeys(record.kind for record in before.stages.values())
    for kind in kinds:
        old = [record for record in before.stages.values() if record.kind == kind]
        new = [record for record in after.stages.values() if record.kind == kind]
        if not new:
            continue
        times = _cpu_times(before, old), _cpu_times(after, new)
        if times[0] is not None and times[1] is not None:
            costs, unit = (times[0], times[1]), "reference steps of CPU time"
        else:
            costs, unit = (_wall_times(before, old), _wall_times(after, new)), "reference steps"
        yield _ratio("time", kind, costs, unit, slack.time)
        peaks = [
            min((record.peak_bytes for record in records if record.peak_bytes), default=0)
            for records in (old, new)
        ]
        if all((*peaks, before.reference.peak_bytes, after.reference.peak_bytes)):
            yield _ratio(
                "memory",
                kind,
                (peaks[0] / before.reference.peak_bytes, peaks[1] / after.reference.peak_bytes),
                "times the reference step's memory",
                slack.memory,
            )


def _cpu_times(observed: Observation, records: Sequence[StageRecord]) -> float | None:
    """Return the fastest in reference steps, by CPU seconds: other processes take none of them.

    None where they are not known, or where the work was a GPU's.
    """
    unit = observed.reference.cpu_seconds
    known = [record.cpu_seconds for record in records if record.cpu_seconds is not None]
    on_cpu = device_kind(observed.provenance.environment) == "cpu"
    return min(known) / unit if on_cpu and unit and len(known) == len(records) else None


def _wall_times(observed: Observation, records: Sequence[StageRecord]) -> float:
    return min(record.seconds for record in records) / observed.reference.seconds


def _ratio(rule: str, kind: str, costs: tuple[float, float], unit: str, slack: float) -> Item:
    before, after = costs
    ratio = after / before
    worse = ratio > slack
    said = (
        f"{before:.3g} -> {after:.3g} {unit}, {ratio:.2f} times the baseline's "
        f"(allowed: {slack:g} times)"
    )
    return Item(
        rule=rule,
        subject=kind,
        verdict="regression" if worse else "passed",
        message=f"{said}; {_ADVICE[rule]}" if worse else said,
    )
