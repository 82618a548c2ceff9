"""`compare`: is one experiment better than another, as methods and for these trained models?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, stdout
from mpcs_bench.errors import ExitCode

if TYPE_CHECKING:
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
    found = api.compare(
        cli.workspace_at(workspace), baseline, candidates, metric=metric, rope=rope / 100
    )
    if as_json:
        from mpcs_bench.report.compare.rows import pair_rows

        print_json([_plain(pair, pair_rows(pair, found.created)) for pair in found.pairs])
    else:
        from mpcs_bench.report.compare.sheet import print_significance

        print_significance(found, stdout())
    if found.refused:
        raise typer.Exit(ExitCode.USAGE)


def _plain(pair: Pair, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "baseline": str(pair.baseline),
        "candidate": str(pair.candidate),
        "dataset": pair.dataset,
        "metric": pair.metric.name,
        "differs": {d.name: {"candidate": d.left, "baseline": d.right} for d in pair.differs},
        "refused": pair.refused,
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
