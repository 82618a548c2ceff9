"""The application: its commands, and how errors reach the user."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import mpcs_bench
from mpcs_bench.cli import (
    auditing,
    checking,
    comparing,
    data,
    doctor,
    exporting,
    ledger,
    planning,
    plugins,
    protocols,
    reporting,
    results,
    running,
    upkeep,
    variance,
    verifying,
)
from mpcs_bench.errors import BenchError, ExitCode

app = typer.Typer(
    name="mpcs-bench",
    help="Check the claims of the Magnification Prior paper: run its protocols, query the results, "
    "read the tables.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(running.run)
app.command("plan")(planning.plan)
app.command("validate")(planning.validate)
app.add_typer(protocols.app, name="protocols")
app.add_typer(plugins.app, name="plugins")
app.add_typer(data.app, name="data")
app.command("results")(results.results)
app.command("show")(results.show)
app.command("sql")(results.sql)
app.add_typer(exporting.app, name="export")
app.command("report")(reporting.report)
app.command("compare")(comparing.compare)
app.command("variance")(variance.variance)
app.command("check")(checking.check)
app.command("verify")(verifying.verify)
app.command("audit")(auditing.audit)
app.command("ledger")(ledger.ledger)
app.command("invalidate")(upkeep.invalidate)
app.command("gc")(upkeep.gc)
app.command("doctor")(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mpcs-bench {mpcs_bench.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["MPCS_BENCH_DEBUG"] = "1"


UNEXPECTED = (
    "This is a fault of mpcs-bench or of a plugin, not of what you asked for. "
    "`mpcs-bench --debug ...` shows where it happened."
)


def main() -> None:
    """Run the command line; errors go to stderr, without a traceback unless `--debug`."""
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader (`| head`) has gone: nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    except Exception as error:
        if os.environ.get("MPCS_BENCH_DEBUG"):
            raise
        if not isinstance(error, BenchError):
            error = BenchError(f"{type(error).__name__}: {error}", hint=UNEXPECTED)
            error.exit_code = ExitCode.CELL_FAILED
        _complain(error)
        sys.exit(error.exit_code)


def _complain(error: BenchError) -> None:
    where = f"{error.location}: " if error.location else ""
    sys.stderr.write(f"error: {where}{error.message}\n")
    if error.hint:
        for line in error.hint.splitlines():
            sys.stderr.write(f"  {line}\n")
