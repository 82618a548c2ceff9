"""`results`, `show`, `sql`: look at what a workspace holds."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, print_table, remark, say, stdout
from mpcs_bench.errors import BenchError, StoreError, did_you_mean
from mpcs_bench.shipped import folder

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from mpcs_bench.provenance.chain import Chain
    from mpcs_bench.store import Store


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
    provenance: Annotated[
        bool,
        typer.Option(
            "--provenance",
            help="Show what it comes from and how to repeat it.",
        ),
    ] = False,
    plugin: cli.Plugins = None,
    as_json: cli.Json = False,
) -> None:
    """Show one cell: its axes, conditions, metrics, and what it was made with.

    With --provenance the whole chain: protocol, stages, data, code, environment, command.
    """
    if provenance:
        _show_chain(api.provenance(cli.workspace_at(workspace), cell, plugin or ()), as_json)
        return
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


def _show_chain(chain: Chain, as_json: bool) -> None:
    from mpcs_bench.cli.provenance import chain_lines

    if as_json:
        print_json(chain.to_dict())
        return
    for line in chain_lines(chain):
        say(line)


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
    if as_json and as_csv:
        raise BenchError("--json and --csv exclude each other.", hint="Leave one of them out.")
    store = api.connect(cli.workspace_at(workspace))
    columns, rows = store.query(query)
    if not rows and _no_verdicts(query, store):
        remark("The view verdicts is empty here: `mpcs-bench report` fills it.")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif as_csv:
        import csv
        import sys

        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows([_field(value) for value in row] for row in rows)
    else:
        print_table(columns, rows)


def _no_verdicts(query: str, store: Store) -> bool:
    """Say whether `query` asks for verdicts where none is stored yet."""
    asked = re.search(r"\bverdicts\b", query, re.IGNORECASE)
    return asked is not None and not store.query("SELECT 1 FROM verdicts LIMIT 1")[1]


def _field(value: Any) -> Any:
    """Return a value as a field of CSV: lists and structures are JSON."""
    nested = isinstance(value, dict | list | tuple)
    return json.dumps(value, default=str, ensure_ascii=False) if nested else value


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
