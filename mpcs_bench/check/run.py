"""One check from end to end: a fresh workspace, a run between two reference steps, the outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mpcs_bench.check.baseline import Observation, read_baseline, write_baseline
from mpcs_bench.check.compare_cost import Slack
from mpcs_bench.check.compare_structure import require_same_protocol
from mpcs_bench.check.gate import (
    fresh_workspace,
    hold,
    refuse_failures,
    require_ran,
    stopped_by_split,
)
from mpcs_bench.check.items import Check
from mpcs_bench.check.memory_watch import MemoryWatch
from mpcs_bench.check.observe import observe
from mpcs_bench.check.reference_step import ReferenceStep, faster
from mpcs_bench.check.settings import written
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.running import Observer, Outcome
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import SplitError
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.registry.registry import Registry

Execute = Callable[[Observer], tuple[Plan, Outcome]]
"""Runs the protocol in the workspace and tells the observer."""


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
    """Run and write the baseline. Raises CheckError, or StageError where a stage failed."""
    observed, outcome = _observed(checked)
    refuse_failures(outcome.failed)
    write_baseline(baseline, observed)


def held(checked: Checked, baseline: Path, *, false_alarms: float, slack: Slack | None) -> Check:
    """Run and hold the run to the baseline; raises CheckError before anything runs."""
    before = read_baseline(baseline)
    loaded = checked.loaded
    require_same_protocol(before, written(loaded), loaded.protocol.name)
    begun = time.perf_counter()
    try:
        observed, outcome = _observed(checked)
    except SplitError as error:
        # The protocol's text is the baseline's, whose split could be made.
        return stopped_by_split(before, error, false_alarms)
    return hold(
        before,
        observed,
        false_alarms=false_alarms,
        slack=slack or Slack(),
        seconds=time.perf_counter() - begun,
        failures=outcome.failed,
    )


def _observed(checked: Checked) -> tuple[Observation, Outcome]:
    fresh_workspace(checked.workspace)
    threads = checked.loaded.protocol.threads
    watch = MemoryWatch(checked.observer, checked.workspace.results)
    with ReferenceStep(checked.device, threads) as step:
        first = step.measure()
        planned, outcome = checked.execute(watch)
        require_ran(planned, outcome)
        reference = faster(first, step.measure())
    observed = observe(
        planned, checked.workspace, checked.registry, reference=reference, peaks=watch.peaks
    )
    return observed, outcome
