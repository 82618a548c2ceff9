"""`protocols`: list, show, and the JSON Schema for editors."""

from __future__ import annotations

from typing import Annotated

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, print_table

app = typer.Typer(help="List and show protocols; export their JSON Schema.")


@app.callback(invoke_without_command=True)
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_protocols(as_json=False)


@app.command("list")
def list_protocols(as_json: cli.Json = False) -> None:
    """List the protocols that can be run by name."""
    from mpcs_bench.protocol.load import available

    rows = []
    for name, path in available(api.protocol_folders()).items():
        loaded = api.load(str(path))
        rows.append({"name": name, "title": loaded.protocol.title, "path": str(path)})
    if as_json:
        print_json(rows)
    else:
        print_table(["name", "title"], [(row["name"], row["title"]) for row in rows])


@app.command()
def show(
    protocol: Annotated[str, typer.Argument(help="Name or path.")],
    overlay: cli.Overlays = None,
    scale: cli.Scale = None,
    assign: cli.Assignments = None,
    as_json: cli.Json = False,
) -> None:
    """Show a protocol with everything it extends and every default filled in."""
    options = cli.read_options(overlays=overlay, scale=scale, assignments=assign)
    resolved = api.load(protocol, options).protocol.model_dump(mode="json")
    if as_json:
        print_json(resolved)
        return
    import sys

    from ruamel.yaml import YAML

    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump(resolved, sys.stdout)


@app.command()
def schema() -> None:
    """Print the JSON Schema of protocol files, for an editor's completion and checks."""
    from mpcs_bench.protocol.schema import Protocol

    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema"} | _schema(Protocol))


def _schema(model: type) -> dict[str, object]:
    from pydantic import BaseModel

    assert issubclass(model, BaseModel)
    return model.model_json_schema()
