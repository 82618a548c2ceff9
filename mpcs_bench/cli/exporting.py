"""`export`: what a workspace holds, as files that others can use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, remark, say
from mpcs_bench.errors import BenchError

Format = Literal["csv", "parquet", "json"]

app = typer.Typer(
    help="Write tables, trained encoders, or whole protocols to files.", no_args_is_help=True
)


@app.command()
def table(
    name: Annotated[str, typer.Argument(help="A public view.")],
    output: Annotated[Path, typer.Argument(help="The file to write.")],
    kind: Annotated[
        Format | None, typer.Option("--format", help="Default: as the file's ending says.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    as_json: cli.Json = False,
) -> None:
    """Write a view of the database to a file."""
    chosen = kind or _format_of(output)
    path = api.connect(cli.workspace_at(workspace)).export(name, chosen, output, force=force)
    if as_json:
        print_json({"written": str(path)})
    else:
        say(f"Wrote {path}")


@app.command()
def encoder(
    cell: Annotated[
        str, typer.Argument(help="A cell's number, key (or its start) or id; or a pre-training's.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")],
    finetuned: Annotated[
        bool,
        typer.Option("--finetuned", help="The cell's own encoder (it needs keep_weights)."),
    ] = False,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    plugin: cli.Plugins = None,
    as_json: cli.Json = False,
) -> None:
    """Write the encoder that a cell rests on: weights that timm loads, and where they come from."""
    from mpcs_bench.engine.encoder_export import export_encoder
    from mpcs_bench.engine.encoder_source import find_encoder

    source = find_encoder(cli.workspace_at(workspace), cell, finetuned=finetuned)
    done = export_encoder(source, api.registry(plugin or ()), output)
    if as_json:
        print_json(
            {
                "written": str(done.folder),
                "architecture": done.architecture,
                "features": done.features,
                "files": done.files,
                "key": source.result.key,
                "symbolic": source.result.spec.symbolic,
                "note": done.note,
            }
        )
        return
    say(f"Wrote {done.folder}: {', '.join(done.files)}")
    say(f"Encoder of {source.result.spec.symbolic}, {done.features} features")
    if done.note is None:
        call = f'timm.create_model("local-dir:{done.folder}", pretrained=True)'
        say(f"timm loads it, as README.md there shows: {call}")
    else:
        remark(f"{done.note} Without config.json: a plain state dict, see its README.md.")


@app.command()
def crate(
    protocol: Annotated[str, typer.Argument(help="Name of a protocol that was run.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder to write, or a file in .zip.")
    ],
    weights: Annotated[bool, typer.Option("--weights", help="Include trained weights.")] = False,
    author: Annotated[str | None, typer.Option("--author", help="Name of who ran it.")] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Licence of the results, a name or an address.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an earlier crate.")] = False,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    plugin: cli.Plugins = None,
    as_json: cli.Json = False,
) -> None:
    """Write a protocol with its results as an RO-Crate: what ran, on what, and how to repeat it.

    Results, splits, tables, the protocol as written and its environment; never the images.
    """
    done = api.export_crate(
        cli.workspace_at(workspace),
        protocol,
        output,
        plugins=plugin or (),
        author=author,
        licence=licence,
        weights=weights,
        force=force,
    )
    if as_json:
        print_json(
            {
                "written": str(done.path),
                "stages": done.stages,
                "files": done.files,
                "command": done.command,
                "notes": list(done.notes),
            }
        )
        return
    say(f"Wrote {done.path}: {done.files} files, {done.stages} stages")
    for note in done.notes:
        remark(note)


def _format_of(path: Path) -> Format:
    endings: dict[str, Format] = {".csv": "csv", ".parquet": "parquet", ".json": "json"}
    if path.suffix.lower() not in endings:
        raise BenchError(
            f"The ending of '{path}' names no format.",
            hint="End it in .csv, .parquet or .json, or give --format.",
        )
    return endings[path.suffix.lower()]
