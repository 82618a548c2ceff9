"""`report`: the tables of protocols and of the paper, in the terminal and as pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, say, stdout

if TYPE_CHECKING:
    from mpcs_bench.engine.workspace import Workspace

EVERY = "all"
PAPER = "paper"
"""The folder of the paper's pages, beside those of the protocols."""

FIGURES = "figures"
"""The folder of figures of protocols that feed no table of a paper."""


def report(
    protocol: Annotated[
        list[str] | None,
        typer.Argument(help="Names of protocols that were run; none, or `all`: every one."),
    ] = None,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the pages.")
    ] = None,
    as_json: cli.Json = False,
) -> None:
    """Show the tables of protocols, and the paper's with ours beside them; write them as pages.

    Each protocol gets HTML, Markdown and CSV; the paper's tables and figures, where a protocol
    holds an experiment of one, also LaTeX, PNG and SVG, in a folder of their own.
    """
    place = cli.workspace_at(workspace)
    names = api.protocols_of(place) if not protocol or protocol == [EVERY] else protocol
    pages = write_pages(place, names, show=not as_json, output=output)
    papers = write_paper_pages(place, names, show=not as_json, output=output)
    if as_json:
        print_json(pages | papers)
        return
    for paths in pages.values():
        say("Wrote " + ", ".join(paths))
    for paths in papers.values():
        say(f"Wrote {paths[0]} and {len(paths) - 1} files beside it")


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


def write_paper_pages(
    workspace: Workspace, protocols: list[str], *, show: bool, output: Path | None = None
) -> dict[str, list[str]]:
    """Write the tables and figures of each publication that the protocols feed.

    They go to the folder `paper`; where there are several publications, to one folder each in it.
    With `show` the tables are printed. Where no protocol holds an experiment of a published table,
    the figures that they feed alone go to the folder `figures`. Returns the paths by name of the
    folder.
    """
    from mpcs_bench.report.figures import save_figures
    from mpcs_bench.report.paper import render_paper_terminal, write_paper

    reports = api.report_paper(workspace, protocols)
    pages: dict[str, list[str]] = {}
    if not reports and (figures := api.report_figures(workspace, protocols)):
        folder = (output or workspace.reports) / FIGURES
        return {FIGURES: [str(path) for path in save_figures(figures, folder)]}
    for built in reports:
        if show:
            render_paper_terminal(built, stdout())
        name = PAPER if len(reports) == 1 else f"{PAPER}/{built.publication.id}"
        folder = (output or workspace.reports) / name
        pages[name] = [str(path) for path in write_paper(built, folder)]
    return pages
