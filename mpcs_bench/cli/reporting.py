"""`report`: the tables of a protocol, in the terminal and as pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, say, stdout

if TYPE_CHECKING:
    from mpcs_bench.engine.workspace import Workspace


def report(
    protocol: Annotated[list[str], typer.Argument(help="Names of protocols that were run.")],
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the pages.")
    ] = None,
    as_json: cli.Json = False,
) -> None:
    """Show the tables of protocols and write them as HTML, Markdown and CSV."""
    place = cli.workspace_at(workspace)
    pages = write_pages(place, protocol, show=not as_json, output=output)
    if as_json:
        print_json(pages)
        return
    for paths in pages.values():
        say("Wrote " + ", ".join(paths))


def write_pages(
    workspace: Workspace, protocols: list[str], *, show: bool, output: Path | None = None
) -> dict[str, list[str]]:
    """Write the pages of each protocol and, with `show`, print its tables; returns the paths."""
    from mpcs_bench.report import render_terminal, write_report

    pages = {}
    for name in protocols:
        built = api.report(workspace, name)
        if show:
            render_terminal(built, stdout())
        folder = (
            (output or workspace.reports) / name if len(protocols) > 1 or not output else output
        )
        pages[name] = [str(path) for path in write_report(built, folder)]
    return pages
