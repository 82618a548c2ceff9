"""Open the database: briefly, with bounded retry, and with errors that name the holder.

DuckDB lets one process write, and while it does no other process can even read; while any process
reads, none can write. So nobody keeps a connection, and everybody waits a little.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from mpcs_bench.errors import StoreError, first_line
from mpcs_bench.store.interrupts import interrupts_kept

REBUILD_HINT = (
    "Nothing is lost: every result is in results/. Move this file (and the .wal beside it, if "
    "there is one) away and run the command again; the database is made again from there."
)
WAIT_HINT = (
    "Close it there, or wait for it to end, and run the command again. Results that are not in "
    "the database yet wait on disk in results/; nothing is lost."
)
# Read-only mode alone still lets COPY write files and read_csv read any. Python variables of
# this process are none of a query's business either.
READ_CONFIG: dict[str, str] = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "lock_configuration": "true",
}

# What DuckDB says of a file whose bytes are damaged, in whatever exception.
_DAMAGE = (
    "Corrupt database file",
    "Corrupt WAL file",
    "Failure while replaying WAL file",
    "Could not read enough bytes from file",
    "not a valid DuckDB database file",
)
_FULL = ("No space left", "Disk quota", "Out of Memory", "Cannot allocate memory")
_DAMAGED = (duckdb.SerializationException, duckdb.FatalException, duckdb.InternalException)


class StoreBusy(StoreError):  # noqa: N818 - it says what is the case, and all else is a StoreError
    """The database is held open by another process; `pid` and `command` where known."""

    def __init__(self, path: Path, pid: int | None, command: str | None) -> None:
        who = "another connection" if pid is None else f"process {pid}"
        named = f" ({command})" if command else ""
        super().__init__(f"{path} is held open by {who}{named}.", hint=WAIT_HINT)
        self.path = path
        self.pid = pid
        self.command = command


class StoreDamaged(StoreError):  # noqa: N818 - as above
    """The database's bytes seem to be damaged."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How long to wait for the database: `wait` seconds in all, in growing, jittered steps."""

    wait: float = 10.0
    first: float = 0.005
    longest: float = 0.25

    def delays(self) -> Iterator[float]:
        """Yield the seconds to sleep before each further try, until `wait` has passed."""
        end = time.monotonic() + self.wait
        step = self.first
        while (left := end - time.monotonic()) > 0:
            yield min(left, step * random.uniform(0.5, 1.5))
            step = min(step * 1.7, self.longest)


def connect(path: Path, retry: Retry, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open the database at `path`, waiting while someone else holds it.

    A read-only connection can neither write files, nor read them, nor change its settings.
    Raises StoreBusy where the wait was in vain, StoreError where the file is no database of ours,
    is damaged, or cannot be opened.
    """
    delays = retry.delays()
    while True:
        try:
            with interrupts_kept():
                return _open(path, read_only)
        except duckdb.Error as error:
            if not _is_lock(error):
                raise _unreadable(path, error) from error
            delay = next(delays, None)
            if delay is None:
                raise busy(path, str(error)) from error
            time.sleep(delay)


@contextmanager
def translated(what: str, hint: str | None) -> Iterator[None]:
    """Turn an error of DuckDB into a StoreError that begins with `what`.

    It is a StoreDamaged where the error tells of a damaged file. An interrupt stays one.
    """
    try:
        with interrupts_kept():
            yield
    except duckdb.Error as error:
        raise failed(what, error, hint) from error


def failed(what: str, error: duckdb.Error, hint: str | None = None) -> StoreError:
    """Return the StoreError for an error of DuckDB; its message begins with `what`."""
    text = f"{what}: {first_line(error)}"
    if is_damage(error):
        return StoreDamaged(text, hint=REBUILD_HINT)
    advice = REBUILD_HINT if isinstance(error, duckdb.IOException) else None
    return StoreError(text, hint=hint or advice)


def is_damage(error: duckdb.Error) -> bool:
    """Say whether DuckDB's `error` tells of damaged bytes (or of a fault of DuckDB's own)."""
    said = str(error)
    if any(text in said for text in _FULL):
        return False
    return isinstance(error, _DAMAGED) or any(text in said for text in _DAMAGE)


def arrow(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None = None
) -> Any:
    """Return the result of a query as a pyarrow table."""
    return connection.sql(sql, params=parameters).to_arrow_table()


def busy(path: Path, message: str) -> StoreBusy:
    """Return the StoreBusy for DuckDB's `message`, which carries the holder's process id."""
    match = re.search(r"PID (\d+)", message)
    pid = int(match[1]) if match else None
    return StoreBusy(path, pid, None if pid is None else command_of(pid))


def command_of(pid: int) -> str | None:
    """Return the command line of process `pid` of this host, or None where it is not to be had."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    text = " ".join(word.decode(errors="replace") for word in words if word)
    return text[:200] or None


def _open(path: Path, read_only: bool) -> duckdb.DuckDBPyConnection:
    if read_only:
        return duckdb.connect(str(path), read_only=True, config=dict(READ_CONFIG))
    return duckdb.connect(str(path))


def _is_lock(error: duckdb.Error) -> bool:
    # A connection of this very process in the other mode shows as a ConnectionException.
    text = str(error)
    if isinstance(error, duckdb.ConnectionException):
        return "different configuration" in text
    return isinstance(error, duckdb.IOException) and (
        "Could not set lock" in text or "already open" in text or "being used by" in text
    )


def _unreadable(path: Path, error: duckdb.Error) -> StoreError:
    text = first_line(error)
    if any(reason in text for reason in ("Permission denied", "Read-only file system")):
        return StoreError(
            f"Cannot open {path}: {text}", hint="Make the workspace writable, or use another."
        )
    return failed(f"{path} cannot be read as a database", error, REBUILD_HINT)
