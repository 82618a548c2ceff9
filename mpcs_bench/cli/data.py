"""`data`: list, prepare, verify, synth, splits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, print_table, remark, say, stdout
from mpcs_bench.cli.progress import observing
from mpcs_bench.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pandas import DataFrame

    from mpcs_bench.registry.dataset import Dataset

app = typer.Typer(help="List data sets; prepare, verify and synthesise them; show splits.")
Root = Annotated[Path, typer.Argument(help="The data set's root folder.")]
Name = Annotated[str, typer.Argument(help="A data set plugin.")]
Assign = Annotated[
    list[str] | None, typer.Option("--param", help="key=value of the plugin; repeatable.")
]


@app.callback(invoke_without_command=True)
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_datasets()


@app.command("list")
def list_datasets(plugin: cli.Plugins = None, as_json: cli.Json = False) -> None:
    """List the data sets and their licences."""
    entries = [e for e in api.registry(plugin or ()).entries("dataset") if e.reason is None]
    rows: list[dict[str, Any]] = [
        {
            "name": entry.full_name,
            "classes": list(_class(entry).classes),
            "magnifications": list(_class(entry).magnifications),
            "images": _class(entry).expected.get("images"),
            "licence": _class(entry).licence,
            "citation": _class(entry).citation,
            "homepage": _class(entry).homepage,
        }
        for entry in entries
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ["name", "images", "magnifications", "classes", "licence"],
        [
            (
                row["name"],
                row["images"],
                " ".join(f"{m}X" for m in row["magnifications"]),
                ", ".join(row["classes"]),
                row["licence"],
            )
            for row in rows
        ],
    )


@app.command()
def verify(
    dataset: Name,
    root: Root,
    param: Assign = None,
    plugin: cli.Plugins = None,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    as_json: cli.Json = False,
) -> None:
    """Compare a data set's folder with what is declared of it: counts, sizes, duplicates.

    Every image is decoded (into the workspace's cache, once). Exit code 1 where something differs.
    """
    from mpcs_bench.data.verify import verify as verify_dataset

    with observing() as observer:
        report = verify_dataset(
            _dataset(dataset, param, plugin),
            root,
            cli.workspace_at(workspace).cache,
            workers=os.cpu_count() or 1,
            progress=lambda done, total: observer.preparing("decoding", done, total),
        )
    if as_json:
        print_json(dict(report.counts) | report.to_dict())
    else:
        print_table(
            ["", "what", "declared", "found"],
            [
                ("ok" if item.ok else "DIFFERS", item.name, item.expected, item.found)
                for item in report.expectations
            ],
            title=f"{report.dataset} at {report.root}",
        )
        facts = report.to_dict()
        for name in ("sizes", "undeclared_sizes", "unreadable", "rejected", "identical"):
            if facts[name]:
                stdout().print(f"{name.replace('_', ' ')}:", markup=False)
                items = facts[name]
                lines = items.items() if isinstance(items, dict) else enumerate(items, 1)
                for key, value in lines:
                    say(f"  {key}: {_line(value)}")
        for defect in facts["known_defects"]:
            say(f"known defect: {_line(defect)}")
    if not report.ok:
        raise typer.Exit(ExitCode.CELL_FAILED)


@app.command()
def synth(
    root: Root,
    dataset: Annotated[str, typer.Option("--dataset", help="A generated data set.")] = "synthetic",
    param: Assign = None,
    plugin: cli.Plugins = None,
    as_json: cli.Json = False,
) -> None:
    """Write a synthetic data set, in the real one's layout and names, to an empty folder."""
    made = _dataset(dataset, param, plugin)
    if not made.generated:
        raise BenchError(f"The data set '{dataset}' is not a generated one.")
    with observing() as observer:
        made.generate(root, os.cpu_count() or 1, lambda n, of: observer.preparing("drawing", n, of))
    if as_json:
        print_json({"written": str(root)})
    else:
        say(f"Wrote {root}")


@app.command()
def prepare(
    protocols: cli.Protocols,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    overlay: cli.Overlays = None,
    scale: cli.Scale = None,
    assign: cli.Assignments = None,
    data: cli.Data = None,
    plugin: cli.Plugins = None,
    trust: cli.Trust = False,
    as_json: cli.Json = False,
) -> None:
    """Make the data of protocols ready: draw what is synthetic, decode, index, split."""
    options = cli.read_options(
        overlays=overlay,
        scale=scale,
        assignments=assign,
        data=data,
        plugins=plugin,
        trust=trust,
        device="cpu",
    )
    with observing() as observer:
        planned = api.plan(protocols, cli.workspace_at(workspace), options, observer=observer)
    blocked = planned.blocked_reasons()
    rows = [{"dataset": name, "fingerprint": mark} for name, mark in planned.samples]
    if as_json:
        print_json({"ready": rows, "blocked": blocked})
    else:
        for row in rows:
            stdout().print(f"{row['dataset']}: ready, fingerprint {row['fingerprint'][:16]}")
        for reason in blocked:
            remark(f"blocked: {reason}")
    if blocked:
        raise typer.Exit(ExitCode.USAGE)


@app.command()
def splits(
    protocol: Annotated[str, typer.Argument(help="Name or path.")],
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    overlay: cli.Overlays = None,
    scale: cli.Scale = None,
    assign: cli.Assignments = None,
    data: cli.Data = None,
    plugin: cli.Plugins = None,
    trust: cli.Trust = False,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write fold, part, patient, sample as CSV.")
    ] = None,
    as_json: cli.Json = False,
) -> None:
    """Show who is in which fold and part; or write it as a file that `split.file` reads."""
    options = cli.read_options(
        overlays=overlay,
        scale=scale,
        assignments=assign,
        data=data,
        plugins=plugin,
        trust=trust,
        device="cpu",
    )
    with observing() as observer:
        tables = api.splits(protocol, cli.workspace_at(workspace), options, observer=observer)
    if export is not None:
        _write_splits(tables, export)
        return
    parts = {name: _parts(frame) for name, frame in tables.items()}
    if as_json:
        print_json(parts)
        return
    for name, rows in parts.items():
        print_table(list(rows[0]), [list(row.values()) for row in rows], title=name)


def _write_splits(tables: Mapping[str, DataFrame], export: Path) -> None:
    """Write one CSV a data set; with several, the name of each goes into the file's."""
    from mpcs_bench.records.atomic_write import atomic_write_text

    for name, frame in tables.items():
        path = export if len(tables) == 1 else export.with_stem(f"{export.stem}-{name}")
        atomic_write_text(path, frame.to_csv(index=False))
        say(f"Wrote {path}")


def _parts(frame: DataFrame) -> list[dict[str, Any]]:
    """Count patients and samples of each fold and part."""
    return [
        {
            "fold": fold,
            "part": part,
            "patients": rows["patient_id"].nunique(),
            "samples": len(rows),
        }
        for (fold, part), rows in frame.groupby(["fold", "part"], sort=True)
    ]


def _dataset(name: str, param: list[str] | None, files: list[Path] | None) -> Dataset:
    from mpcs_bench.registry.dataset import Dataset

    registry = api.registry(files or ())
    return registry.create(registry.resolve("dataset", name, cli.read_params(param)), Dataset)


def _class(entry: Any) -> type[Dataset]:
    cls: type[Dataset] = entry.cls
    return cls


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return " = ".join(map(str, value))
    return str(value)
