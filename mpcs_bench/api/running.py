"""Plan and run protocols in a workspace; the splits that they use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from mpcs_bench.api.options import DEFAULTS, LOCALLY, Execution, Options
from mpcs_bench.api.protocols import choose, expand, load, plugin_files, registry
from mpcs_bench.api.reading import load_published
from mpcs_bench.api.upkeep import record_origins
from mpcs_bench.errors import BenchError, DataError, did_you_mean

if TYPE_CHECKING:
    from pandas import DataFrame

    from mpcs_bench.engine.binding import Binder
    from mpcs_bench.engine.executor import Executor
    from mpcs_bench.engine.plan import Plan
    from mpcs_bench.engine.ray import RayOptions
    from mpcs_bench.engine.running import Observer, Outcome
    from mpcs_bench.engine.workspace import Workspace
    from mpcs_bench.registry.registry import Registry


def plan(
    references: Sequence[str],
    workspace: Workspace,
    options: Options = DEFAULTS,
    *,
    observer: Observer | None = None,
) -> Plan:
    """Plan protocols for a workspace: generates and decodes data where needed, trains nothing.

    Raises BenchError for anything that is there and cannot be used; what is missing blocks.
    """
    from mpcs_bench.engine.device import resolve_device
    from mpcs_bench.engine.planning import Planner

    protocols = [load(reference, options) for reference in references]
    files = plugin_files(protocols, options)
    plugins = registry(files)
    device = resolve_device(options.device)
    cells = expand(protocols, plugins, device)
    chosen = choose(cells, options)
    workspace.create()
    planner = Planner(
        workspace=workspace,
        registry=plugins,
        binder=_binder(plugins, workspace, observer),
        device=device,
        plugin_files=[str(path) for path in files],
    )
    return planner.plan(protocols, cells, chosen, _variation(options))


def run(
    references: Sequence[str],
    workspace: Workspace,
    options: Options = DEFAULTS,
    execution: Execution = LOCALLY,
    *,
    observer: Observer,
    locked: bool = False,
) -> tuple[Plan, Outcome]:
    """Plan and run protocols; returns the plan and what came of it.

    The workspace is locked meanwhile, by the caller where it is `locked`. On Ctrl-C or SIGTERM
    finished results and checkpoints are kept, and KeyboardInterrupt is raised: running again goes
    on from there.
    """
    from mpcs_bench.engine.retrying import failed_only
    from mpcs_bench.engine.running import Run

    workspace.create()
    options = _placed(options, execution)
    with nullcontext() if locked else workspace.lock():
        planned = plan(references, workspace, options, observer=observer)
        record_origins(workspace, references, options, planned)
        with suppress(BenchError):  # `report` tries again
            load_published(workspace, wait=1.0)
        if execution.retry_failed:
            planned = failed_only(planned, workspace.root)
        outcome = Run(
            planned,
            workspace,
            _executor(planned, options, execution, workspace),
            observer,
            timeout=execution.timeout,
            checkpoint_seconds=execution.checkpoint_seconds,
        ).execute()
    return planned, outcome


def splits(
    reference: str,
    workspace: Workspace,
    options: Options = DEFAULTS,
    *,
    observer: Observer | None = None,
) -> dict[str, DataFrame]:
    """Return fold, part, patient, sample and path of every sample, by data set of a protocol.

    With several split seeds a name ends in `-seedN`.

    Raises DataError where a data set is not on this machine.
    """
    from mpcs_bench.data.splits import export_split
    from mpcs_bench.engine.binding import Blocked

    loaded = load(reference, options)
    plugins = registry(plugin_files([loaded], options))
    workspace.create()
    binder = _binder(plugins, workspace, observer)
    needs = {
        (stage.data.name, stage.data.split_seed): stage.data
        for cell in choose(expand([loaded], plugins), options)
        for stage in (cell.stage.upstream, cell.stage)
        if stage is not None
    }
    several = len(needs) > len({name for name, _ in needs})
    tables = {}
    for (name, seed), need in needs.items():
        bound = binder.data(need)
        if isinstance(bound, Blocked):
            raise DataError(bound.reason, hint=bound.hint)
        title = f"{name}-seed{seed}" if several else name
        tables[title] = export_split(bound.split, bound.index)
    return tables


def _variation(options: Options) -> str:
    """Say how options change what a protocol's file says."""
    parts = [f"--overlay {name}" for name in options.overlays]
    parts += [f"--set {text}" for text in options.assignments if text != "keep_weights=true"]
    return ", ".join(parts)


def _binder(plugins: Registry, workspace: Workspace, observer: Observer | None) -> Binder:
    import os

    from mpcs_bench.engine.binding import Binder

    announce = observer.preparing if observer is not None else _silent
    return Binder(plugins, workspace, os.cpu_count() or 1, announce)


def _silent(what: str, done: int, total: int) -> None:
    """Nobody wants to know."""


def _executor(
    planned: Plan, options: Options, execution: Execution, workspace: Workspace
) -> Callable[[int], Executor]:
    """Return what makes an executor for so many stages."""
    from mpcs_bench.engine.forecasting import planned_jobs
    from mpcs_bench.engine.pool import WorkerPool

    if execution.executor == "ray":
        from mpcs_bench.engine.ray import ray_executor

        ray, threads, device = _ray_options(options, execution), planned.threads, planned.device
        return lambda _stages: ray_executor(ray, threads=threads, device=device)

    def plugins() -> Registry:
        return registry(plugin_files(planned.protocols, options))

    jobs = planned_jobs(planned, workspace, plugins, options.jobs).jobs
    return lambda stages: WorkerPool(min(jobs, stages), planned.threads)


def _placed(options: Options, execution: Execution) -> Options:
    """Return `options` with the device that the executor has.

    Raises BenchError for an executor that there is not.
    """
    if execution.executor == "local":
        return options
    if execution.executor == "ray":
        from mpcs_bench.engine.ray import ray_device

        device = ray_device(options.device, _ray_options(options, execution))
        return replace(options, device=device)
    raise BenchError(
        f"There is no executor '{execution.executor}'."
        f"{did_you_mean(execution.executor, ['local', 'ray'])}",
        hint="Executors: local, ray.",
    )


def _ray_options(options: Options, execution: Execution) -> RayOptions:
    from mpcs_bench.engine.ray import RayOptions

    return RayOptions(
        address=execution.address,
        jobs=options.jobs,
        gpus=execution.gpus,
        memory=execution.memory,
    )
