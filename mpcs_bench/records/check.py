"""Check a result folder against its manifest and the format."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mpcs_bench.errors import StoreError
from mpcs_bench.records.files import REQUIRED, TABLE_FILES, sha256_of
from mpcs_bench.records.read import Result, read_result
from mpcs_bench.records.tables import SCHEMAS


def check_result(path: Path, only: Container[str] | None = None) -> list[str]:
    """Return what is wrong with the result in folder `path`; an empty list where nothing is.

    Found are: a missing file, a hash that differs, another format version, keys that disagree
    with each other or the folder's name, an unknown axis, a table with another schema. `only`
    limits hashing to some file names (weights are large).
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
    listed = result.manifest.files
    problems = [f"the manifest does not list {name}" for name in REQUIRED if name not in listed]
    for name, expected in sorted(listed.items()):
        file = result.path / name
        if not file.is_file():
            problems.append(f"{name} is missing")
        elif (only is None or name in only) and sha256_of(file) != expected:
            problems.append(f"{name} has another SHA-256 than the manifest says")
    return problems


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
