"""From a plan to its forecast: counted, measured where asked for, and summed up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mpcs_bench.engine.calibrating import BUDGET, calibrate
from mpcs_bench.engine.forecast import Forecast, forecast
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.running import default_jobs
from mpcs_bench.engine.stage_counts import StageCounter
from mpcs_bench.engine.stage_work import remaining_work
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.registry.registry import Registry
from mpcs_bench.stages.calibration import FILE, device_facts, read_calibration


def forecast_plan(
    plan: Plan,
    workspace: Workspace,
    registry: Registry,
    *,
    plugin_files: Sequence[str] = (),
    calibrating: Callable[[str, int, int], None] | None = None,
    budget: float = BUDGET,
) -> Forecast:
    """Forecast what the stages of `plan` that are not done will take on its device.

    Rests on `calibration.json` of the workspace. With `calibrating`, which is told how far it is,
    what was never measured is measured first, about `budget` seconds a shape. Raises StoreError
    where the file is damaged or cannot be written.
    """
    counter = StageCounter(plan, workspace, registry)
    works = remaining_work(plan, counter)
    path = workspace.root / FILE
    calibration = read_calibration(path, device_facts(plan.device))
    failures: dict[str, str] = {}
    if calibrating is not None:
        calibration, failures = calibrate(
            works,
            calibration,
            path,
            plan.device,
            plugin_files=plugin_files,
            announce=calibrating,
            budget=budget,
        )
    jobs = default_jobs(plan.device, plan.cores)
    return forecast(works, calibration, counter, workspace, jobs=jobs, failures=failures)
