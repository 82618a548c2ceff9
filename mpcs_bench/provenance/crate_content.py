"""Puts the files of a crate into a folder: results, protocol, splits, tables, report."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mpcs_bench.data.splits import export_split
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import StoreError
from mpcs_bench.provenance.data_facts import DataReader
from mpcs_bench.provenance.origin import Origin
from mpcs_bench.provenance.stage_facts import StageFacts, stage_facts
from mpcs_bench.records import PlanRecord, Result, read_result
from mpcs_bench.records.files import MANIFEST, SPEC, TABLE_FILES
from mpcs_bench.report.definitions import table_sql
from mpcs_bench.store import Store
from mpcs_bench.store.connection import arrow
from mpcs_bench.store.export import write_table

WEIGHTS = "weights.safetensors"
KEPT = (SPEC, MANIFEST, *TABLE_FILES.values())
"""Files of a result that go along; features and attention maps, made of the images, do not."""

TABLES: Mapping[str, str] = {
    "cells": "the cells of the protocol, with their axes, data and state",
    "metrics": "every metric of every finished cell",
    "comparison": "the tests that reports and `compare` have made",
}
REPORT_FILES = ("report.html", "report.md", "report.csv")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the crate: `path` in it, with `/`, and what it is."""

    path: str
    what: str


@dataclass(slots=True)
class Content:
    """What a crate holds: `files` and, of each stage, its facts, files and split table."""

    files: list[Entry] = field(default_factory=list)
    stages: list[StageFacts] = field(default_factory=list)
    stage_files: dict[str, list[Entry]] = field(default_factory=dict)
    split_files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def stored_stages(plan: PlanRecord, results: Path) -> list[tuple[Result, int | None]]:
    """Return the results of a plan's cells and of all that they stand on, upstream first.

    Each with the seed that its split was drawn by. Raises StoreError where one is damaged.
    """
    found: dict[str, tuple[Result, int | None]] = {}
    for cell in plan.cells:
        if cell.key is None or not (results / cell.key / MANIFEST).is_file():
            continue
        chain = []
        key: str | None = cell.key
        while key is not None and key not in found and (results / key / MANIFEST).is_file():
            result = read_result(results / key)
            chain.append((key, (result, cell.axes.get("split_seed"))))
            key = result.spec.spec.get("upstream")
        found.update(reversed(chain))
    return list(found.values())


def fill(
    folder: Path,
    workspace: Workspace,
    plan: PlanRecord,
    origin: Origin | None,
    reader: DataReader,
    *,
    weights: bool,
) -> Content:
    """Write everything but descriptions into `folder`.

    Raises StoreError where no cell has a result, or one is damaged.
    """
    content = Content()
    stored = stored_stages(plan, workspace.results)
    keys = {result.key for result, _ in stored}
    done = sum(cell.key in keys for cell in plan.cells)
    if not done:
        raise StoreError(
            f"No cell of '{plan.protocol}' has a result yet.", hint="Run the protocol first."
        )
    if done < len(plan.cells):
        content.notes.append(f"{len(plan.cells) - done} of {len(plan.cells)} cells have no result.")
    for result, split_seed in stored:
        facts = stage_facts(result, reader, split_seed)
        content.stages.append(facts)
        content.stage_files[result.key] = list(_result(folder, result, weights=weights))
    _splits(folder, content, reader)
    content.files += _protocol(folder, origin)
    content.files += _plan(folder, workspace, plan)
    content.files += _tables(folder, workspace, plan.protocol)
    content.files += _report(folder, workspace, plan.protocol)
    return content


def _result(folder: Path, result: Result, *, weights: bool) -> Iterator[Entry]:
    """Copy a result's files; what differs from its manifest is damaged, and no evidence."""
    what = {
        SPEC: "everything that the key is the digest of",
        MANIFEST: "when, where and how it came about, and the SHA-256 of each file",
        "metrics.parquet": "metrics",
        "history.parquet": "values per epoch",
        "predictions.parquet": "one row per sample and part",
        WEIGHTS: "trained weights",
    }
    for name in (*KEPT, *([WEIGHTS] if weights else [])):
        if name != MANIFEST and name not in result.manifest.files:
            continue
        path = f"results/{result.key}/{name}"
        sha = _copied(result.path / name, folder / path)
        if name != MANIFEST and sha != result.manifest.files[name]:
            raise StoreError(
                f"The result {result.key[:12]} ({result.spec.symbolic}) is damaged: {name} has "
                "another SHA-256 than its manifest says.",
                hint="Run the protocol again: what is damaged is made anew.",
            )
        yield Entry(path, f"{what[name]}, of {result.spec.symbolic}")


def _copied(source: Path, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError:
        raise StoreError(
            f"The file {source} is missing.", hint="Run the protocol again: it is made anew."
        ) from None
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _splits(folder: Path, content: Content, reader: DataReader) -> None:
    """Write each split once, as a file that a protocol takes back (`scheme: file`)."""
    for facts in content.stages:
        split_hash, fingerprint = facts.data.split.hash, facts.data.fingerprint
        index = reader.index(fingerprint)
        table = reader.splits.table(split_hash) if split_hash else None
        if table is None or index is None:
            content.notes.append(
                f"The split of {facts.symbolic} is no longer in the cache, and not in the crate."
            )
            continue
        path = f"splits/{facts.data.plugin.rpartition('/')[2]}-{table.hash[:16]}.csv"
        content.split_files[facts.key] = path
        if not (folder / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            export_split(table, index).to_csv(folder / path, index=False, lineterminator="\n")
            what = f"the split {table.hash} of the data {fingerprint}: fold and part of each sample"
            content.files.append(Entry(path, what))


def _protocol(folder: Path, origin: Origin | None) -> Iterator[Entry]:
    for file in origin.files if origin is not None else ():
        path = f"protocol/{file.place}"
        _write(folder / path, file.text)
        assert origin is not None
        kind = "plugin" if file.place in origin.plugin_files else "file"
        main = "the protocol as it was written" if file.place == origin.file else ""
        yield Entry(path, main or f"a {kind} that the protocol rests on")


def _plan(folder: Path, workspace: Workspace, plan: PlanRecord) -> Iterator[Entry]:
    source = workspace.root / "plans" / f"{plan.protocol}.json"
    _copied(source, folder / "plan.json")
    yield Entry("plan.json", "the cells of the protocol: axes, conditions, keys, decisions")


def _tables(folder: Path, workspace: Workspace, protocol: str) -> Iterator[Entry]:
    with Store(workspace.root).reader() as connection:
        tables = {
            name: arrow(connection, table_sql(f"crate_{name}"), {"protocol": protocol})
            for name in TABLES
        }
    for name, table in tables.items():
        path = f"tables/{name}.csv"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_table(table, "csv", folder / path, force=True)
        yield Entry(path, TABLES[name])


def _report(folder: Path, workspace: Workspace, protocol: str) -> Iterator[Entry]:
    for name in REPORT_FILES:
        source = workspace.reports / protocol / name
        if source.is_file():
            path = f"report/{name}"
            _copied(source, folder / path)
            yield Entry(path, "the report on the protocol, as it was made last")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def described(entries: Iterable[Entry]) -> Sequence[Entry]:
    """Return entries in the order in which a crate lists them."""
    return sorted(entries, key=lambda entry: entry.path)
