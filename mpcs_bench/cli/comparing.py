"""`compare`: is one experiment better than another, as methods and for these trained models?"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, remark, stdout
from mpcs_bench.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from mpcs_bench.engine.workspace import Workspace
    from mpcs_bench.report.compare.pairs import Pair


def compare(
    baseline: Annotated[
        str,
        typer.Argument(
            help="What the others are held to: PROTOCOL:EXPERIMENT, or either alone where it is "
            "enough."
        ),
    ],
    candidates: Annotated[list[str], typer.Argument(help="What is held to it; likewise.")],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", help="patient_accuracy (where there are patients), image_accuracy ..."
        ),
    ] = None,
    rope: Annotated[
        float, typer.Option("--rope", help="Differences up to so many points are equivalent.")
    ] = 1.0,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    as_json: cli.Json = False,
) -> None:
    """Test experiments of any protocols against one, over folds and over patients or images.

    What may not be compared is refused, and the difference named; the exit status is 2 where
    nothing could be compared. The tests are stored in the view `comparison`.
    """
    place = cli.workspace_at(workspace)
    try:
        found = api.compare(place, baseline, candidates, metric=metric, rope=rope / 100)
    except KeyboardInterrupt:
        remark(f"Interrupted. Nothing was compared; what {workspace} holds is as it was.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except BenchError as error:
        for name in (baseline, *candidates):
            if not_run := _not_run(place, name):
                raise not_run from error
        raise
    if as_json:
        from mpcs_bench.report.compare.rows import pair_rows

        print_json([_plain(pair, pair_rows(pair, found.created)) for pair in found.pairs])
    else:
        from mpcs_bench.report.compare.sheet import print_significance

        print_significance(found, stdout())
    if found.refused:
        raise typer.Exit(ExitCode.USAGE)


def _not_run(workspace: Workspace, reference: str) -> BenchError | None:
    """Return the error for an experiment that exists, and that this workspace has no cell of."""
    from mpcs_bench.report.compare.references import known_experiments
    from mpcs_bench.report.definitions import called_after

    with api.connect(workspace).reader() as connection:
        known = known_experiments(connection)
    protocol, _, experiment = reference.rpartition(":")
    if any(experiment in (r.protocol, r.experiment) for r in known if protocol in ("", r.protocol)):
        return None
    for name in dict.fromkeys((protocol or experiment, called_after(experiment))):
        with suppress(BenchError):
            loaded = api.load(name)
            if name == experiment or experiment in loaded.protocol.experiments:
                return BenchError(
                    f"'{reference}' has not been run in this workspace.",
                    hint=f"`mpcs-bench run {name}` runs it. "
                    f"Here are: {', '.join(map(str, known)) or 'none'}.",
                )
    return None


def _plain(pair: Pair, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "baseline": str(pair.baseline),
        "candidate": str(pair.candidate),
        "dataset": pair.dataset,
        "metric": pair.metric.name,
        "differs": {d.name: {"candidate": d.left, "baseline": d.right} for d in pair.differs},
        "refused": pair.refused,
        "unequal": {d.name: {"candidate": d.left, "baseline": d.right} for d in pair.unequal},
        "claims": [
            {
                "trained_at": place.comparison.column and place.comparison.column.train,
                "tested_at": place.comparison.column and place.comparison.column.test,
                "mean": place.comparison.column is None,
                "claim": place.claim,
            }
            for place in pair.places
        ],
        "tests": [
            row | {"details": json.loads(row["details"]) if row["details"] else None}
            for row in rows
        ],
    }
