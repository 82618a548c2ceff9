"""The lock that DuckDB takes on an open database, taken without opening it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from mpcs_bench.store.connection import Retry, busy

Number = tuple[int, int]
"""What tells a file from another that took its name: device and inode."""


def number_of(path: Path) -> Number | None:
    """Return the number of the file that now has this name; None where there is none."""
    try:
        return _number(path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return None


@contextmanager
def held(path: Path, retry: Retry) -> Iterator[Number | None]:
    """Hold the lock of the database at `path`, and give its number; None where there is no file.

    Commits of other processes find it busy meanwhile, and keep their results on disk. Raises
    StoreBusy where someone else has it for longer than `retry` waits.
    """
    for delay in _tries(retry):
        time.sleep(delay)
        try:
            file = path.open("rb+")
        except (FileNotFoundError, NotADirectoryError):
            break
        with file:
            # Another may have taken its name before we had the lock: ours is then of no use.
            number = _number(os.fstat(file.fileno()))
            if _lock(file.fileno()) and number == number_of(path):
                yield number
                return
    else:
        raise busy(path, _holder(path))
    yield None


def _number(status: os.stat_result) -> Number:
    return status.st_dev, status.st_ino


def _tries(retry: Retry) -> Iterator[float]:
    yield 0.0
    yield from retry.delays()


def _lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: an open file cannot be replaced there, which protects as well
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def _holder(path: Path) -> str:
    # DuckDB asks the system who holds the lock, before it looks at the file.
    try:
        duckdb.connect(str(path)).close()
    except duckdb.Error as error:
        return str(error)
    return ""
