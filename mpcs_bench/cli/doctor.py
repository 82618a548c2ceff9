"""`doctor`: what this machine can do, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, print_table
from mpcs_bench.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


def doctor(
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE, as_json: cli.Json = False
) -> None:
    """Check packages, device, speed, disk, plugins and the workspace, for some seconds.

    What is slower than it should be is a note that says what to set; `--json` has the numbers.
    """
    from mpcs_bench.engine.health import examine

    place: Path = workspace
    findings = examine(cli.workspace_at(place))
    if as_json:
        print_json([finding.to_dict() for finding in findings])
    else:
        print_table(
            ["", "what", "found", "what to do"],
            [(f.level, f.what, f.found, f.advice) for f in findings],
        )
    if any(finding.level == "wrong" for finding in findings):
        raise typer.Exit(ExitCode.USAGE)
