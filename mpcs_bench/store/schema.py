"""Make the schema in a new database, and recognise it in an old one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from mpcs_bench.errors import StoreError, first_line
from mpcs_bench.store.connection import REBUILD_HINT, failed
from mpcs_bench.store.statements import statement

SCHEMA_VERSION = 4
"""To be raised with every change to schema.sql or views.sql."""

VIEWS: tuple[str, ...] = (
    "protocols",
    "cells",
    "metrics",
    "predictions",
    "samples",
    "history",
    "stages",
    "published",
    "claims",
    "comparison",
    "verdicts",
)
"""The public views: the API of the database."""


def create_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Make tables and views in an empty database, in the transaction that is open."""
    connection.execute(statement("schema"))
    connection.execute(statement("views"))
    created = datetime.now(UTC).replace(tzinfo=None)
    connection.execute("INSERT INTO meta VALUES (?, ?)", [SCHEMA_VERSION, created])


def check_schema(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Raise StoreError where the open database is not ours, or of another schema version."""
    try:
        rows = connection.execute("SELECT schema_version FROM meta").fetchall()
    except duckdb.CatalogException as error:
        raise StoreError(
            f"{path} is not a database of mpcs-bench: {first_line(error)}",
            hint="Move it away and run the command again, or give another --workspace.",
        ) from error
    except duckdb.Error as error:
        raise failed(f"{path} cannot be read", error, REBUILD_HINT) from error
    version = rows[0][0] if rows else None
    if version == SCHEMA_VERSION:
        return
    if version is not None and version > SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema version {version}; this mpcs-bench knows up to {SCHEMA_VERSION}.",
            hint="It was made by a newer mpcs-bench: use that one, or upgrade.",
        )
    raise StoreError(
        f"{path} has the old schema version {version}, not {SCHEMA_VERSION}.", hint=REBUILD_HINT
    )
