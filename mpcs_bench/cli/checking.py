"""`check`: the gate for continuous integration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, print_table, remark, say
from mpcs_bench.cli.progress import observing

if TYPE_CHECKING:
    from mpcs_bench.check.items import Check

CHECK_WORKSPACE = Path("mpcs-check")


def check(
    protocol: Annotated[str, typer.Argument(help="A small protocol: `ci`, or your own.")],
    baseline: Annotated[Path, typer.Option("--baseline", help="The baseline's JSON file.")],
    update: Annotated[
        bool, typer.Option("--update", help="Store this run as the baseline; compare nothing.")
    ] = False,
    false_alarms: Annotated[
        float,
        typer.Option(
            "--false-alarms",
            min=0.0001,
            max=0.5,
            help="The chance of a false alarm of the tests of samples, over baselines and runs.",
        ),
    ] = 0.05,
    time_slack: Annotated[
        float, typer.Option("--time-slack", min=1, help="Times the baseline's that is still fine.")
    ] = 2.0,
    memory_slack: Annotated[
        float, typer.Option("--memory-slack", min=1, help="The same for memory.")
    ] = 1.5,
    summary: Annotated[
        Path | None, typer.Option("--summary", help="Add a Markdown summary to this file.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML.")] = None,
    workspace: cli.WorkspaceFolder = CHECK_WORKSPACE,
    overlay: cli.Overlays = None,
    scale: cli.Scale = None,
    assign: cli.Assignments = None,
    data: cli.Data = None,
    plugin: cli.Plugins = None,
    trust: cli.Trust = False,
    device: cli.Device = "auto",
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Stages at once (default: by cores).")
    ] = None,
    as_json: cli.Json = False,
) -> None:
    """Run a small protocol anew and hold it to a stored baseline of samples.

    The workspace is the check's own: it is emptied first. Exit status: 0 fine, 1 a cell failed,
    2 usage (no baseline, or one of another protocol), 3 regression, 4 nothing ran.
    """
    from mpcs_bench.check.compare_cost import Slack

    options = cli.read_options(
        overlays=overlay,
        scale=scale,
        assignments=assign,
        data=data,
        plugins=plugin,
        trust=trust,
        device=device,
        jobs=jobs,
    )
    with observing() as observer:
        found = api.check(
            protocol,
            baseline,
            cli.workspace_at(workspace),
            options,
            observer=observer,
            update=update,
            false_alarms=false_alarms,
            slack=Slack(time_slack, memory_slack),
        )
    if found is None:
        if as_json:
            print_json({"baseline": str(baseline), "updated": True})
        else:
            say(f"Baseline: {baseline}")
        return
    _leave(found, summary, junit)
    _show(found, as_json=as_json)
    raise typer.Exit(found.exit_code)


def _leave(found: Check, summary: Path | None, junit: Path | None) -> None:
    if summary is not None:
        from mpcs_bench.check.summary import append_summary

        append_summary(summary, found)
    if junit is not None:
        from mpcs_bench.check.junit import write_junit

        write_junit(junit, found)


def _show(found: Check, *, as_json: bool) -> None:
    from mpcs_bench.check.words import as_plain, conditions, headline, telling

    if as_json:
        print_json(as_plain(found))
        return
    rows = [(item.verdict, item.rule, item.subject, item.message) for item in telling(found)]
    if rows:
        print_table(["verdict", "looked at", "subject", "seen"], rows)
    for line in conditions(found):
        remark(line)
    say(headline(found))
