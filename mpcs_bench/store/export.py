"""Write a view or table to a file: CSV, Parquet or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import duckdb

from mpcs_bench.errors import StoreError, did_you_mean
from mpcs_bench.records.atomic_write import atomic_write
from mpcs_bench.store.connection import arrow, translated

ExportFormat = Literal["csv", "parquet", "json"]
_OPTIONS = {
    "csv": "FORMAT csv, HEADER true",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "json": "FORMAT json, ARRAY true",
}


def read_relation(connection: duckdb.DuckDBPyConnection, name: str) -> Any:
    """Return all rows of the view or table `name` as an Arrow table.

    Raises StoreError where there is no such view or table.
    """
    rows = connection.execute(
        "SELECT table_name FROM information_schema.tables ORDER BY table_name"
    ).fetchall()
    known = [row[0] for row in rows]
    if name not in known:
        raise StoreError(
            f"There is no view or table '{name}'.{did_you_mean(name, known)}",
            hint=f"There are: {', '.join(known)}.",
        )
    return arrow(connection, f'SELECT * FROM "{name}" ORDER BY ALL')


def write_table(table: Any, kind: ExportFormat, path: Path, *, force: bool) -> Path:
    """Write an Arrow table to `path`, atomically, and return the path.

    Raises StoreError for an unknown format, where `path` stands already and `force` is false, and
    where it cannot be written.
    """
    if kind not in get_args(ExportFormat):
        raise StoreError(f"'{kind}' is no export format.", hint=f"Formats: {', '.join(_OPTIONS)}.")
    if path.exists() and not force:
        raise StoreError(f"{path} exists already.", hint="Give another name, or --force.")
    with (
        duckdb.connect() as memory,
        translated(f"Cannot write {path}", "Free space there, or choose another folder."),
    ):
        memory.register("exported", table)
        atomic_write(path, lambda temporary: _copy(memory, temporary, kind))
    return path


def _copy(memory: duckdb.DuckDBPyConnection, path: Path, kind: ExportFormat) -> None:
    name = str(path).replace("'", "''")
    memory.execute(f"COPY (SELECT * FROM exported) TO '{name}' ({_OPTIONS[kind]})")
