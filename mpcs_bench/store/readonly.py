"""Run a user's SQL so that it can look at everything here and change nothing anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from mpcs_bench.errors import StoreError
from mpcs_bench.store.connection import arrow, first_line
from mpcs_bench.store.schema import VIEWS

# MULTI is a PIVOT, which DuckDB takes apart.
_ALLOWED = frozenset({"SELECT", "EXPLAIN", "MULTI"})
_HINT = (
    "SQL here is read-only: one SELECT (or FROM, WITH, PIVOT, DESCRIBE, SUMMARIZE, EXPLAIN) over "
    f"{', '.join(VIEWS)}; files and settings are out of reach. To write a file, use "
    "`mpcs-bench export`."
)


def rows_of(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Run the one SELECT in `sql`; return column names and rows.

    `connection` must be one of `connect(..., read_only=True)`: its settings keep out what a
    SELECT itself could do (read_csv). What is no SELECT is refused here, because a read-only
    database still lets temporary tables, LOAD and variables pass. Raises StoreError.
    """
    with _explained():
        _check(connection, sql)
        result = connection.execute(sql)
        return [column[0] for column in result.description or []], result.fetchall()


def table_of(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """Run the one SELECT in `sql`; return a pyarrow table. Otherwise as `rows_of`."""
    with _explained():
        _check(connection, sql)
        return arrow(connection, sql)


def _check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise StoreError(f"Expected one SQL statement, got {len(statements)}.", hint=_HINT)
    kind = _kind(statements[0])
    if kind not in _ALLOWED:
        raise StoreError(f"SQL here is read-only: {kind} is refused.", hint=_HINT)


def _kind(statement: duckdb.Statement) -> str:
    try:
        return str(statement.type.name)
    except (ValueError, duckdb.Error):  # a kind that the Python client has no name for
        return "this statement"


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except duckdb.PermissionException as error:
        raise StoreError(f"SQL here is read-only: {first_line(error)}", hint=_HINT) from error
    except duckdb.Error as error:
        raise StoreError(f"The query failed: {str(error).strip()}", hint=_HINT) from error
