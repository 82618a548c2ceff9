"""`check`: the gate for continuous integration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, print_table, remark, say
from mpcs_bench.cli.progress import observing
from mpcs_bench.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        str,
        typer.Option(
            "--summary", metavar="FILE", help="Add a Markdown summary to this file ('': none)."
        ),
    ] = "",
    junit: Annotated[
        str, typer.Option("--junit", metavar="FILE", help="Write JUnit XML ('': none).")
    ] = "",
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
    from mpcs_bench.check.destinations import require_writable

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
    # An environment variable that is not set gives an empty name: no file is asked for.
    pages = {"--summary": summary, "--junit": junit}
    files = {option: Path(name) for option, name in pages.items() if name}
    for option, path in files.items():
        require_writable(path, option)
    try:
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
    except KeyboardInterrupt:
        remark(f"Interrupted. Nothing was compared; the baseline {baseline} is as it was.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if found is None:
        if as_json:
            print_json({"baseline": str(baseline), "updated": True})
        else:
            say(f"Baseline: {baseline}")
        return
    _show(found, as_json=as_json)
    _leave(found, files)
    raise typer.Exit(found.exit_code)


def _leave(found: Check, files: Mapping[str, Path]) -> None:
    from mpcs_bench.check.errors import CheckError
    from mpcs_bench.check.junit import write_junit
    from mpcs_bench.check.summary import append_summary

    for option, write in (("--summary", append_summary), ("--junit", write_junit)):
        if (path := files.get(option)) is None:
            continue
        try:
            write(path, found)
        except OSError as error:  # a disk that ran full
            raise CheckError(f"{option} {path} cannot be written: {error.strerror}.") from None


def _show(found: Check, *, as_json: bool) -> None:
    from mpcs_bench.check.words import advice, as_plain, conditions, headline, telling

    if as_json:
        print_json(as_plain(found))
        return
    rows = [(item.verdict, item.rule, item.subject, item.message) for item in telling(found)]
    if rows:
        print_table(["verdict", "looked at", "subject", "seen"], rows)
    for line in (*conditions(found), *advice(found)):
        remark(line)
    say(headline(found))
