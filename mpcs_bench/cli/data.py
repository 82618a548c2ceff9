"""`data`: list, unpack, prepare, verify, synth, splits."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli import preparing
from mpcs_bench.cli.output import print_json, print_table, remark, say, stdout
from mpcs_bench.cli.progress import observing
from mpcs_bench.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pandas import DataFrame

    from mpcs_bench.data.archive_record import ArchiveReport
    from mpcs_bench.registry.dataset import Dataset

LISTED = 20
"""Files that are named before the rest is counted."""
app = typer.Typer(help="List data sets; unpack, prepare, verify and synthesise them; show splits.")
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

    Every image is decoded (into the workspace's cache, once). Files that were unpacked from an
    archive are held to its checksums. Exit code 1 where something differs.
    """
    from mpcs_bench.data.archive_record import archive_report
    from mpcs_bench.data.verify import verify as verify_dataset

    workers = os.cpu_count() or 1
    with observing() as observer:
        report = verify_dataset(
            _dataset(dataset, param, plugin),
            root,
            cli.workspace_at(workspace).cache,
            workers=workers,
            progress=lambda done, total: observer.preparing("decoding", done, total),
        )
        unpacked = archive_report(
            root, workers, lambda done, total: observer.preparing("checksums", done, total)
        )
    ok = report.ok and (unpacked is None or unpacked.ok)
    if as_json:
        archive = None if unpacked is None else asdict(unpacked) | {"ok": unpacked.ok}
        print_json(dict(report.counts) | report.to_dict() | {"archive": archive, "ok": ok})
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
        if unpacked is not None:
            _say_archive(unpacked)
    if not ok:
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


app.command()(preparing.prepare)
app.command()(preparing.unpack)


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
        Path | None,
        typer.Option(help="Write dataset, fold, part, patient, image, sample and pixels as CSV."),
    ] = None,
    as_json: cli.Json = False,
) -> None:
    """Show who is in which fold and part; or write it as a file that `scheme: file` reads.

    One file holds all data sets; splits by several seeds go into a file each.
    """
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
        written = _write_splits(tables, export)
        if as_json:
            print_json({"written": [str(path) for path in written]})
        return
    parts = {name: _parts(frame) for name, frame in tables.items()}
    if as_json:
        print_json(parts)
        return
    for name, rows in parts.items():
        print_table(list(rows[0]), [list(row.values()) for row in rows], title=name)


def _say_archive(report: ArchiveReport) -> None:
    verdict = "as unpacked from" if report.ok else "DIFFER from"
    say(f"{report.files} files {verdict} {report.archive} (SHA-256 {report.sha256})")
    for what, names in (("missing", report.missing), ("changed", report.changed)):
        for name in names[:LISTED]:
            say(f"  {what}: {name}")
        if len(names) > LISTED:
            say(f"  {what}: {len(names) - LISTED} more")


def _write_splits(tables: Mapping[str, DataFrame], export: Path) -> list[Path]:
    """Write one CSV; one each, with its name in the file's, where two are of one data set."""
    import pandas as pd

    from mpcs_bench.records.atomic_write import atomic_write_text

    datasets = [str(frame["dataset"].iloc[0]) for frame in tables.values()]
    if len(set(datasets)) == len(datasets):
        files = {export: pd.concat(tables.values(), ignore_index=True)}
    else:
        files = {export.with_stem(f"{export.stem}-{name}"): tables[name] for name in tables}
    for path, frame in files.items():
        atomic_write_text(path, frame.to_csv(index=False))
        folds = sorted(map(int, frame["fold"].unique()))
        say(f"Wrote {path}")
        remark(
            f"{len(frame)} lines. A protocol beside it takes it by `split: {{scheme: file, file: "
            f"{path.name}}}` (and the same `group`) with `matrix: {{fold: {folds}}}`."
        )
    return list(files)


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
