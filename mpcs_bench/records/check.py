"""Check a result folder against its manifest and the format."""

from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mpcs_bench.errors import StoreError
from mpcs_bench.records.files import MANIFEST, REQUIRED, TABLE_FILES, sha256_of
from mpcs_bench.records.read import Result, read_result
from mpcs_bench.records.tables import SCHEMAS


def check_result(path: Path, only: Container[str] | None = None) -> list[str]:
    """Return what is wrong with the result in folder `path`; an empty list where nothing is.

    Found are: a missing file, a size or hash that differs, a file that the manifest does not list
    (systems drop hidden ones: these are let be), another format version, keys that disagree with
    each other or the folder's name, an unknown axis, a table with another schema. `only` limits
    hashing to some file names (weights are large).
    """
    if not path.is_dir():
        return [f"{path} is not a folder"]
    try:
        result = read_result(path)
        result.spec.check()
    except StoreError as error:
        return [error.message]
    return [*_keys(result), *_files(result, only), *_tables(result)]


def _keys(result: Result) -> list[str]:
    problems = []
    if result.manifest.key != result.spec.key:
        problems.append(f"spec.json has key {result.spec.key}, manifest.json {result.manifest.key}")
    if result.path.name != result.spec.key:
        problems.append(f"folder {result.path.name} holds the result of key {result.spec.key}")
    return problems


def _files(result: Result, only: Container[str] | None) -> list[str]:
    listed, sizes = result.manifest.files, result.manifest.sizes
    with os.scandir(result.path) as entries:
        found = {entry.name: entry for entry in entries if not entry.name.startswith(".")}
    problems = [f"the manifest does not list {name}" for name in REQUIRED if name not in listed]
    for name, expected in sorted(listed.items()):
        entry = found.get(name)
        if entry is None or not entry.is_file():
            problems.append(f"{name} is missing")
        elif name in sizes and entry.stat().st_size != sizes[name]:
            problems.append(f"{name} has {entry.stat().st_size} bytes, not {sizes[name]}")
        elif (only is None or name in only) and sha256_of(result.path / name) != expected:
            problems.append(f"{name} has another SHA-256 than the manifest says")
    strangers = sorted(found.keys() - listed.keys() - {MANIFEST})
    return problems + [f"{name} is no file of this result" for name in strangers]


def _tables(result: Result) -> list[str]:
    problems = []
    for name, file in TABLE_FILES.items():
        path = result.path / file
        if not path.is_file():
            continue
        try:
            found = pq.read_schema(path)
        except (OSError, pa.ArrowException) as error:
            problems.append(f"{file} cannot be read: {error}")
            continue
        if not found.equals(SCHEMAS[name]):
            problems.append(f"{file} has other columns than the format: {found.names}")
    return problems
