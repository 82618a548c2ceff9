"""Time and memory, in units of a reference step that was measured in the same run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mpcs_bench.check.baseline import Observation
from mpcs_bench.check.items import Item

TIME_SLACK = 2.0
MEMORY_SLACK = 1.5


@dataclass(frozen=True, slots=True)
class Slack:
    """How many times the baseline's cost is still fine."""

    time: float = TIME_SLACK
    memory: float = MEMORY_SLACK


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
        yield _ratio(
            "time",
            kind,
            min(record.seconds for record in old) / before.reference.seconds,
            min(record.seconds for record in new) / after.reference.seconds,
            slack.time,
        )
        peaks = [
            min((record.peak_bytes for record in records if record.peak_bytes), default=0)
            for records in (old, new)
        ]
        if all((*peaks, before.reference.peak_bytes, after.reference.peak_bytes)):
            yield _ratio(
                "memory",
                kind,
                peaks[0] / before.reference.peak_bytes,
                peaks[1] / after.reference.peak_bytes,
                slack.memory,
            )


def _ratio(rule: str, kind: str, before: float, after: float, slack: float) -> Item:
    ratio = after / before
    return Item(
        rule=rule,
        subject=kind,
        verdict="regression" if ratio > slack else "passed",
        message=f"{before:.3g} -> {after:.3g} reference steps, {ratio:.2f} times the baseline "
        f"(allowed: {slack:g} times)",
    )
