"""From a plan to its forecast: counted, measured where asked for, and summed up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from mpcs_bench.engine.at_once import AtOnce, at_once
from mpcs_bench.engine.calibrating import BUDGET, calibrate
from mpcs_bench.engine.forecast import Forecast, forecast, frames
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.stage_costs import StageCosts
from mpcs_bench.engine.stage_counts import StageCounter
from mpcs_bench.engine.stage_work import StageWork, remaining_work
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import StoreError
from mpcs_bench.registry.registry import Registry
from mpcs_bench.stages.calibration import FILE, Calibration, device_facts, read_calibration


def forecast_plan(
    plan: Plan,
    workspace: Workspace,
    registry: Registry,
    *,
    plugin_files: Sequence[str] = (),
    calibrating: Callable[[str, int, int], None] | None = None,
    budget: float = BUDGET,
    jobs: int | None = None,
) -> Forecast:
    """Forecast what the stages of `plan` that are not done will take on its device.

    Rests on `calibration.json` of the workspace. With `calibrating`, which is told how far it is,
    what was never measured for as many stages at once is measured first, about `budget` seconds a
    shape. `jobs` are the stages at once, None: as many as a run would take. Raises StoreError
    where the file is damaged or cannot be written.
    """
    counter = StageCounter(plan, workspace, registry)
    works = remaining_work(plan, counter)
    path = workspace.root / FILE
    calibration = read_calibration(path, device_facts(plan.device))
    failures: dict[str, str] = {}

    def measured(company: int) -> None:
        nonlocal calibration, failures
        if calibrating is not None:
            calibration, failures = calibrate(
                works,
                calibration,
                path,
                plan.device,
                jobs=max(1, min(company, len(works))),
                plugin_files=plugin_files,
                announce=calibrating,
                budget=budget,
            )

    by_memory = plan.device != "cpu" and jobs is None
    if by_memory:
        measured(1)
    chosen = _at_once(plan, works, calibration, counter, jobs)
    if not by_memory or chosen.jobs > 1:  # what failed would fail again
        measured(chosen.jobs)
    return forecast(
        works,
        calibration,
        counter,
        workspace,
        jobs=chosen.jobs,
        jobs_why=chosen.why,
        failures=failures,
    )


def planned_jobs(
    plan: Plan, workspace: Workspace, registry: Callable[[], Registry], asked: int | None = None
) -> AtOnce:
    """Return how many stages of `plan` run at once on its device, and why; `asked` for wins.

    A GPU takes as many as the calibration says that it holds, and one where that says nothing or
    cannot be read.
    """
    if plan.device == "cpu" or asked is not None:
        return at_once(plan.device, plan.cores, asked=asked)
    facts = device_facts(plan.device)
    try:
        calibration = read_calibration(workspace.root / FILE, facts)
    except StoreError:
        calibration = Calibration(facts)
    counter = StageCounter(plan, workspace, registry())
    return _at_once(plan, remaining_work(plan, counter), calibration, counter, None)


def _at_once(
    plan: Plan,
    works: Sequence[StageWork],
    calibration: Calibration,
    counter: StageCounter,
    asked: int | None,
) -> AtOnce:
    needs: list[int | None] = []
    if plan.device != "cpu":
        costs = StageCosts(calibration, 1, partial(frames, counter))
        # What nobody can count is blocked: it does not run, and measuring would not help.
        needs = [costs.memory(work) for work in works if work.counts is not None]
    there = calibration.device.memory_bytes
    return at_once(plan.device, plan.cores, needs, there, asked)
