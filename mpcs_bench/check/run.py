"""One check from end to end: a fresh workspace, a run between two reference steps, the outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mpcs_bench.check.baseline import Observation, read_baseline, write_baseline
from mpcs_bench.check.compare_cost import Slack
from mpcs_bench.check.compare_structure import require_same_protocol
from mpcs_bench.check.destinations import require_writable
from mpcs_bench.check.gate import (
    empty,
    hold,
    refuse_failures,
    require_own,
    require_ran,
    stopped_by_split,
)
from mpcs_bench.check.items import Check
from mpcs_bench.check.memory_watch import MemoryWatch
from mpcs_bench.check.observe import observe
from mpcs_bench.check.reference_step import ReferenceStep, faster
from mpcs_bench.check.settings import written
from mpcs_bench.check.whole import require_as_much, require_whole
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.running import Observer, Outcome
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import SplitError
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.registry.registry import Registry

Execute = Callable[[Observer], tuple[Plan, Outcome]]
"""Runs the protocol in the workspace, whose lock is held, and tells the observer."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What is run: a protocol, where, on which device, and how."""

    loaded: LoadedProtocol
    workspace: Workspace
    registry: Registry
    device: str
    execute: Execute
    observer: Observer


def stored(checked: Checked, baseline: Path) -> None:
    """Run and write the baseline.

    Raises CheckError, before anything runs where it cannot be written, and StageError where a
    stage failed.
    """
    require_writable(baseline, "--baseline")
    observed, outcome = _observed(checked)
    refuse_failures(outcome.failed)
    write_baseline(baseline, observed)


def held(checked: Checked, baseline: Path, *, false_alarms: float, slack: Slack | None) -> Check:
    """Run and hold the run to the baseline.

    Raises CheckError before anything runs, and after it where the baseline lacks what it should
    have, or nothing could be compared.
    """
    before = read_baseline(baseline)
    require_whole(before, baseline)
    loaded = checked.loaded
    require_same_protocol(before, written(loaded), loaded.protocol.name)
    begun = time.perf_counter()
    try:
        observed, outcome = _observed(checked)
    except SplitError as error:
        # The protocol's text is the baseline's, whose split could be made.
        return stopped_by_split(before, error, false_alarms)
    require_as_much(before, observed, baseline)
    return hold(
        before,
        observed,
        false_alarms=false_alarms,
        slack=slack or Slack(),
        seconds=time.perf_counter() - begun,
        failures=outcome.failed,
    )


def _observed(checked: Checked) -> tuple[Observation, Outcome]:
    workspace = checked.workspace
    require_own(workspace)
    workspace.create()
    threads = checked.loaded.protocol.threads
    watch = MemoryWatch(checked.observer, workspace.results)
    # Emptied, run and read under one lock: a second check must not empty it in between.
    with workspace.lock(), ReferenceStep(checked.device, threads) as step:
        empty(workspace)
        first = step.measure()
        planned, outcome = checked.execute(watch)
        require_ran(planned, outcome)
        reference = faster(first, step.measure())
        observed = observe(
            planned, workspace, checked.registry, reference=reference, peaks=watch.peaks
        )
    return observed, outcome
