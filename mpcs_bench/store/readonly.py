"""Run a user's SQL so that it can look at everything here and change nothing anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from mpcs_bench.errors import StoreError, did_you_mean, first_line
from mpcs_bench.store.connection import arrow, is_damage
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
        if is_damage(error):
            raise
        raise StoreError(f"The query failed: {_said(error)}", hint=_HINT) from error


def _said(error: duckdb.Error) -> str:
    """Return what DuckDB says; of a table that is not there it names the nearest public view."""
    text = str(error).strip()
    missing = re.search(r"Table with name (\S+) does not exist!", text)
    if missing is None:
        return text
    near = did_you_mean(missing[1], list(VIEWS))
    _, gap, place = text[missing.end() :].partition("\n\n")
    return f"{text[: missing.end()]}{near}{gap}{place}"
