"""Narrow a plan to what failed before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mpcs_bench.engine.plan import Plan
from mpcs_bench.records import read_state


def failed_only(plan: Plan, workspace: Path) -> Plan:
    """Return `plan` with only those stages to run that failed, what they need, what needs them."""
    runs = {stage.key: stage.job for stage in plan.to_run() if stage.key is not None}
    states = {key: read_state(workspace, key) for key in runs}
    kept = {key for key, state in states.items() if state is not None and state.state == "failed"}
    upstream = {key: job.upstream_key for key, job in runs.items() if job is not None}
    kept |= {key for key, source in upstream.items() if source in kept}
    kept |= {source for key in kept if (source := upstream[key]) in runs}
    stages = [stage for stage in plan.stages if stage.status != "run" or stage.key in kept]
    return replace(plan, stages=tuple(stages))
