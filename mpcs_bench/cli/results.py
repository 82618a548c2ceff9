"""`results`, `show`, `sql`: look at what a workspace holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, print_table, say, stdout
from mpcs_bench.errors import StoreError, did_you_mean
from mpcs_bench.shipped import folder

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def results(
    protocol: Annotated[list[str] | None, typer.Argument(help="Protocols; none: all.")] = None,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    as_json: cli.Json = False,
) -> None:
    """List cells with their state and scores; JSON also carries a digest of all numbers."""
    from mpcs_bench.store.digest import digest_of

    store = api.connect(cli.workspace_at(workspace))
    query = (folder("reports") / "tables" / "results.sql").read_text(encoding="utf-8")
    with store.reader() as connection:
        _check_known(connection, protocol or [])
        found = connection.execute(query, {"protocols": protocol or None})
        columns = [column[0] for column in found.description or []]
        rows = found.fetchall()
        # Of the same moment as the rows: a run may be going on.
        digest = digest_of(connection, protocol or None) if as_json else None
    if as_json:
        print_json(
            {
                "digest": digest,
                "cells": [dict(zip(columns, row, strict=True)) for row in rows],
            }
        )
        return
    key = columns.index("key")
    print_table(columns, [[*row[:key], (row[key] or "")[:12], *row[key + 1 :]] for row in rows])


def show(
    cell: Annotated[str, typer.Argument(help="A cell's number, key (or its start), or id.")],
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    as_json: cli.Json = False,
) -> None:
    """Show one cell: its axes, conditions, metrics, and what it was made with."""
    store = api.connect(cli.workspace_at(workspace))
    tables = folder("reports") / "tables"
    with store.reader() as connection:
        found = connection.execute((tables / "find_cell.sql").read_text(), {"name": cell})
        columns = [column[0] for column in found.description or []]
        rows = found.fetchall()
        if not rows:
            raise StoreError(
                f"The workspace holds no cell '{cell}'.", hint="`mpcs-bench results` lists them."
            )
        numbers = {row[columns.index("cell_id")] for row in rows}
        if len(numbers) > 1:
            raise StoreError(
                f"'{cell}' names {len(numbers)} cells.",
                hint=f"Give the cell's number: {', '.join(map(str, sorted(numbers)))}.",
            )
        facts = dict(zip(columns, rows[0], strict=True))
        metrics = connection.execute(
            (tables / "cell_metrics.sql").read_text(), {"cell": facts["cell_id"]}
        ).fetchall()
    for name in ("conditions", "environment", "timings", "notes"):
        facts[name] = json.loads(facts[name]) if isinstance(facts[name], str) else facts[name]
    names = ("part", "test_magnification", "metric", "value", "n")
    facts["metrics"] = [dict(zip(names, row, strict=True)) for row in metrics]
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if isinstance(value, dict) and name != "metrics":
            stdout().print(f"{name}:")
            for inner, item in value.items():
                say(f"  {inner}: {_line(item)}")
        elif name != "metrics" and value is not None:
            say(f"{name}: {_line(value)}")
    print_table(names, metrics)


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT over the public views.")],
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    as_json: cli.Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask the database in SQL; it cannot write, neither tables nor files.

    Views: protocols, cells, metrics, predictions, samples, history, stages, comparison, published,
    claims, verdicts.
    """
    columns, rows = api.connect(cli.workspace_at(workspace)).query(query)
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif as_csv:
        import csv
        import sys

        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        print_table(columns, rows)


def _check_known(connection: DuckDBPyConnection, names: list[str]) -> None:
    """Raise StoreError for a protocol that the workspace does not hold."""
    query = (folder("reports") / "tables" / "protocols.sql").read_text(encoding="utf-8")
    known = [row[0] for row in connection.execute(query).fetchall()]
    for name in names:
        if name not in known:
            raise StoreError(
                f"The workspace holds no protocol '{name}'.{did_you_mean(name, known)}",
                hint=f"It holds: {', '.join(known) or 'none'}.",
            )


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_line(item)}" for key, item in value.items())
    return str(value)
