"""`verify`: stored cells, run again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, print_table, remark, say

if TYPE_CHECKING:
    from mpcs_bench.check.verification import Verification, Verified


def verify(
    cells: Annotated[
        int, typer.Option("--cells", "-k", min=1, help="How many stored cells to run again.")
    ] = 3,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which cells are drawn.")] = 0,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    plugin: cli.Plugins = None,
    device: Annotated[
        str | None, typer.Option("--device", help="Another device than each cell's own.")
    ] = None,
    as_json: cli.Json = False,
) -> None:
    """Run random stored cells again, in a temporary folder, and report equality or drift.

    What is stored is only read. Exit status: 0 equal, or not promised to be; 3 drift where
    equality was promised; 1 a stage failed; 4 nothing could be run again.
    """
    found = api.verify(
        cli.workspace_at(workspace),
        cells=cells,
        seed=seed,
        device=device,
        plugin_files=tuple(plugin or ()),
    )
    if as_json:
        stages = [asdict(stage) | {"broken": stage.broken} for stage in found.stages]
        print_json(
            {
                "stored_cells": found.stored_cells,
                "exit_code": int(found.exit_code),
                "stages": stages,
            }
        )
    else:
        _show(found)
    raise typer.Exit(found.exit_code)


def _show(found: Verification) -> None:
    from mpcs_bench.report.numbers import counted

    print_table(
        ["outcome", "stage", "largest logit gap", "decided otherwise", "largest metric gap", "why"],
        [_row(stage) for stage in found.stages],
    )
    for text in dict.fromkeys(text for stage in found.stages for text in stage.differs):
        remark(f"Equality is not promised here: {text}.")
    equal = sum(stage.drift is not None and stage.drift.equal for stage in found.stages)
    broken = sum(stage.broken for stage in found.stages)
    say(
        f"{counted(len(found.stages), 'stage')} of {counted(found.stored_cells, 'stored cell')} "
        f"looked at: {equal} equal bit for bit, {broken} drifted where equality was promised."
    )


def _row(stage: Verified) -> tuple[object, ...]:
    drift = stage.drift
    if drift is None:
        return "failed" if stage.failed else "not run", stage.symbolic, "", "", "", stage.reason
    if drift.equal:
        return "equal", stage.symbolic, "0", f"0 of {drift.predictions}", "", ""
    largest = max(map(abs, drift.metrics.values()), default=0.0)
    why = "; ".join(stage.differs) or "the environment is the same"
    first = ["other weights"] if drift.weights is False else []
    if drift.metrics_alone:
        first.append(f"on one side only: {', '.join(drift.metrics_alone)}")
    return (
        "DRIFT" if stage.broken else "drift",
        stage.symbolic,
        f"{drift.largest_logit:.3g}",
        f"{drift.decisions} of {drift.predictions}",
        f"{largest:.3g}",
        "; ".join((*first, why)),
    )
