"""`plan` and `validate`: what would run and why, and whether it can."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.forecasting import forecast_lines
from mpcs_bench.cli.output import print_json, print_table, remark, say, stdout
from mpcs_bench.cli.progress import observing

if TYPE_CHECKING:
    from pathlib import Path

    from mpcs_bench.api import Options
    from mpcs_bench.engine.forecast import Forecast
    from mpcs_bench.engine.plan import Plan


def plan(
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
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Forecast for so many stages at once."),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate", help="Time a few steps of what was never measured here, and forecast."
        ),
    ] = False,
    as_json: cli.Json = False,
) -> None:
    """Show what would run, why, what is done, and what is blocked, with a forecast.

    Data are drawn and decoded where needed: without them there are no keys. The forecast rests on
    steps that were timed on this device: --calibrate times them, 10 to 20 seconds each shape.
    """
    options = cli.read_options(
        overlays=overlay,
        scale=scale,
        assignments=assign,
        only=only,
        data=data,
        plugins=plugin,
        trust=trust,
        device=device,
        jobs=jobs,
    )
    planned = _planned(protocols, workspace, options)
    expected = _forecast(planned, workspace, options, calibrate=calibrate)
    if as_json:
        print_json(_as_json(planned) | {"forecast": expected.as_json()})
        return
    print_table(
        ["status", "kind", "stage", "why"],
        [
            *(
                (stage.status, stage.spec.kind, stage.spec.symbolic, stage.reason)
                for stage in planned.stages
                if stage.status != "blocked"
            ),
            *_blocked_rows(planned),
        ],
    )
    counts = ", ".join(f"{n} {kind}" for kind, n in planned.kinds().items())
    stdout().print(
        f"{len(planned.cells)} cells on {len(planned.stages)} stages ({counts}): "
        f"{planned.count('run')} to run, {planned.count('done')} done, "
        f"{planned.count('blocked')} blocked."
    )
    for line in forecast_lines(expected):
        say(line)
    _remarks(planned)


def _blocked_rows(planned: Plan) -> list[tuple[str, str, str, str]]:
    """Return one row for each kind of stage and what it waits for: there may be hundreds."""
    alike: dict[tuple[str, str], list[str]] = {}
    for stage in planned.stages:
        if stage.status == "blocked":
            alike.setdefault((stage.spec.kind, stage.reason), []).append(stage.spec.symbolic)
    return [
        ("blocked", kind, names[0] if len(names) == 1 else f"{len(names)} stages", reason)
        for (kind, reason), names in alike.items()
    ]


def validate(
    protocols: cli.Protocols,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    overlay: cli.Overlays = None,
    scale: cli.Scale = None,
    assign: cli.Assignments = None,
    data: cli.Data = None,
    plugin: cli.Plugins = None,
    trust: cli.Trust = False,
    as_json: cli.Json = False,
) -> None:
    """Check schema, plugins and parameters with file and line; and the split for leakage.

    The split is checked where the data are at hand; what is missing is listed.
    """
    options = cli.read_options(
        overlays=overlay,
        scale=scale,
        assignments=assign,
        data=data,
        plugins=plugin,
        trust=trust,
        device="cpu",
    )
    planned = _planned(protocols, workspace, options)
    blocked = planned.blocked_reasons()
    if as_json:
        print_json(
            {
                "protocols": [loaded.protocol.name for loaded in planned.protocols],
                "cells": len(planned.cells),
                "findings": [_finding(finding) for finding in planned.findings],
                "blocked": blocked,
                "notices": list(planned.notices),
            }
        )
        return
    for loaded in planned.protocols:
        cells = sum(item.cell.protocol == loaded.protocol.name for item in planned.cells)
        say(f"{loaded.path}: valid, {cells} cells")
    _remarks(planned)


def _planned(protocols: list[str], workspace: Path, options: Options) -> Plan:
    with observing() as observer:
        return api.plan(protocols, cli.workspace_at(workspace), options, observer=observer)


def _forecast(planned: Plan, workspace: Path, options: Options, *, calibrate: bool) -> Forecast:
    from mpcs_bench.engine.forecasting import forecast_plan

    files = api.plugin_files(planned.protocols, options)
    plugins, place = api.registry(files), cli.workspace_at(workspace)
    if not calibrate:
        return forecast_plan(planned, place, plugins, jobs=options.jobs)
    with observing() as observer:
        return forecast_plan(
            planned,
            place,
            plugins,
            plugin_files=[str(file) for file in files],
            calibrating=observer.preparing,
            jobs=options.jobs,
        )


def _as_json(planned: Plan) -> dict[str, Any]:
    return {
        "protocols": [loaded.protocol.name for loaded in planned.protocols],
        "cells": len(planned.cells),
        "stages": {
            "total": len(planned.stages),
            "by_kind": planned.kinds(),
            "by_status": dict(Counter(stage.status for stage in planned.stages)),
        },
        "blocked": planned.blocked_reasons(),
        "findings": [_finding(finding) for finding in planned.findings],
        "notices": list(planned.notices),
        "list": [
            {
                "status": stage.status,
                "kind": stage.spec.kind,
                "symbolic": stage.spec.symbolic,
                "key": stage.key,
                "reason": stage.reason,
            }
            for stage in planned.stages
        ],
        "cell_list": [
            {
                "protocol": item.cell.protocol,
                "experiment": item.cell.experiment,
                "symbolic": item.cell.symbolic,
                "key": item.key,
                "status": item.status,
                **item.cell.names,
                "fold": item.cell.axes.fold,
                "seed": item.cell.axes.seed,
                "train_magnification": item.cell.axes.train_magnification,
                "label_fraction": item.cell.axes.label_fraction,
            }
            for item in planned.cells
        ],
    }


def _finding(finding: Any) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "fold": finding.fold,
        "message": finding.message,
        "declared": finding.declared,
    }


def _remarks(planned: Plan) -> None:
    from mpcs_bench.data.leakage import describe

    said: dict[str, None] = {}
    for finding in planned.findings:
        mark = "declared" if finding.declared else finding.severity
        said[f"{mark}: {describe(finding)}"] = None
    for text in (*said, *planned.notices):
        remark(text)
    for reason in planned.blocked_reasons():
        remark(f"blocked: {reason}")
