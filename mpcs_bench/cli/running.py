"""`run`: plan, run, commit, report."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, remark, say
from mpcs_bench.cli.progress import observing
from mpcs_bench.cli.reporting import write_pages
from mpcs_bench.errors import ExitCode

if TYPE_CHECKING:
    from mpcs_bench.engine.plan import Plan
    from mpcs_bench.engine.running import Outcome
    from mpcs_bench.engine.workspace import Workspace


def run(
    protocols: cli.Protocols,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    overlay: cli.Overlays = None,
    scale: cli.Scale = None,
    assign: cli.Assignments = None,
    only: cli.Only = None,
    data: cli.Data = None,
    plugin: cli.Plugins = None,
    trust: cli.Trust = False,
    device: cli.Device = "auto",
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Stages at once (default: by cores).")
    ] = None,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Store fine-tuned weights too.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run only what failed before.")
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(min=0, help="Stop a stage after so many seconds without progress; 0: never."),
    ] = api.LOCALLY.timeout,
    checkpoint_every: Annotated[
        float, typer.Option(min=0, help="Seconds between two checkpoints of a training.")
    ] = api.LOCALLY.checkpoint_seconds,
    executor: Annotated[
        str, typer.Option(help="local: processes of this machine. ray: a Ray cluster.")
    ] = api.LOCALLY.executor,
    address: Annotated[
        str | None, typer.Option(help="The Ray cluster's address, or auto; none: this machine.")
    ] = None,
    gpus: Annotated[
        float, typer.Option(min=0.01, help="With ray: the share of a GPU that a stage asks for.")
    ] = api.LOCALLY.gpus,
    memory_gb: Annotated[
        float | None, typer.Option(min=0.1, help="With ray: the memory that a stage asks for.")
    ] = None,
    as_json: cli.Json = False,
) -> None:
    """Run protocols to their report. What is done already is not run again.

    Ctrl-C (or SIGTERM) lets trainings write a checkpoint and keeps what is finished; the same
    command goes on from there.
    """
    options = cli.read_options(
        overlays=overlay,
        scale=scale,
        assignments=[*(assign or ()), *(["keep_weights=true"] if keep_weights else ())],
        only=only,
        data=data,
        plugins=plugin,
        trust=trust,
        device=device,
        jobs=jobs,
    )
    execution = api.Execution(
        executor=executor,
        address=address,
        gpus=gpus,
        memory=None if memory_gb is None else round(memory_gb * 1e9),
        timeout=timeout,
        checkpoint_seconds=checkpoint_every,
        retry_failed=retry_failed,
    )
    place = cli.workspace_at(workspace)
    try:
        with observing() as observer, _terminating():
            planned, outcome = api.run(protocols, place, options, execution, observer=observer)
    except KeyboardInterrupt:
        remark(
            f"Interrupted. What was finished is kept in {workspace}; "
            "the same command goes on from there."
        )
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    _finish(planned, outcome, place, as_json=as_json)


def _finish(planned: Plan, outcome: Outcome, workspace: Workspace, *, as_json: bool) -> None:
    names = [loaded.protocol.name for loaded in planned.protocols]
    produced = outcome.done + outcome.already
    pages = write_pages(workspace, names, show=not as_json) if produced else {}
    summary = _summary(planned, outcome)
    if as_json:
        print_json(summary | {"reports": pages})
    else:
        for paths in pages.values():
            page = next(path for path in paths if path.endswith(".html"))
            say(f"Report: {page}")
        _say(planned, outcome, workspace)
    raise typer.Exit(_exit_code(outcome))


def _summary(planned: Plan, outcome: Outcome) -> dict[str, Any]:
    return {
        "protocols": [loaded.protocol.name for loaded in planned.protocols],
        "cells": len(planned.cells),
        "stages": {
            "total": len(planned.stages),
            "ran": outcome.done,
            "already_done": outcome.already,
            "failed": len(outcome.failed),
            "waiting": outcome.waiting,
            "blocked": outcome.blocked,
        },
        "failures": outcome.failed,
        "uncommitted": outcome.uncommitted,
        "notices": list(planned.notices),
    }


def _say(planned: Plan, outcome: Outcome, workspace: Workspace) -> None:
    for notice in planned.notices:
        remark(notice)
    if not outcome.done and not outcome.failed and outcome.already and not outcome.blocked:
        remark(f"Nothing to run: all {outcome.already} stages are done in {workspace.root}.")
    else:
        remark(
            f"{outcome.done} stages ran, {outcome.already} were done before, "
            f"{len(outcome.failed)} failed, {outcome.waiting} wait for failed ones, "
            f"{outcome.blocked} are blocked."
        )
    for symbolic, error in outcome.failed.items():
        remark(f"failed: {symbolic}\n  {error}")
    for reason in planned.blocked_reasons():
        remark(f"blocked: {reason}")
    if outcome.uncommitted:
        remark(
            f"{outcome.uncommitted} results are on disk and not in the database, which is held "
            "open by another process. Close it and run the same command again."
        )


def _exit_code(outcome: Outcome) -> ExitCode:
    if outcome.failed:
        return ExitCode.CELL_FAILED
    if not outcome.done and not outcome.already:
        return ExitCode.NOTHING_RAN
    if outcome.blocked or outcome.uncommitted:
        return ExitCode.USAGE
    return ExitCode.OK


@contextmanager
def _terminating() -> Iterator[None]:
    """Treat SIGTERM (a scheduler's preemption) as Ctrl-C."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
