"""`variance`: where the spread of a protocol's numbers comes from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, stdout


def variance(
    protocol: Annotated[str, typer.Argument(help="A protocol that was run, such as `variance`.")],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", help="patient_accuracy (where there are patients), image_accuracy ..."
        ),
    ] = None,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    as_json: cli.Json = False,
) -> None:
    """Divide the spread of a protocol's values into splits, seeds and reruns.

    Where the epoch was chosen by several rules, also what choosing it on the test part gains.
    """
    found = api.variance(cli.workspace_at(workspace), protocol, metric=metric)
    if as_json:
        print_json(asdict(found))
        return
    from mpcs_bench.report.terminal import print_sheet
    from mpcs_bench.report.variance.sheets import optimism_sheet, spread_sheet

    print_sheet(spread_sheet(found), stdout())
    optimism = optimism_sheet(found)
    if optimism is not None:
        print_sheet(optimism, stdout())
