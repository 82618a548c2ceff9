"""A database whose bytes are damaged is set aside, never removed; any other is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import duckdb

from mpcs_bench.store.connection import is_damage


def is_damaged(path: Path) -> bool:
    """Say whether the database at `path` is damaged, by reading every value of every table.

    An error may pass, and what is merely locked, of another version, or not ours is not damaged.
    """
    try:
        with closing(duckdb.connect(str(path), read_only=True)) as connection:
            tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            for (name,) in tables:
                connection.execute(f'SELECT bit_xor(hash(t)) FROM "{name}" AS t').fetchall()
    except duckdb.Error as error:
        return is_damage(error)
    return False


def keep_aside(path: Path) -> Path:
    """Give the database at `path`, and its log, another name, and return that.

    The database has its old name too until another takes it, so that nobody finds none there, and
    makes an empty one. Raises OSError.
    """
    target = _beside(path)
    set_log_aside(path, target)
    try:
        target.hardlink_to(path)
    except FileExistsError:
        raise  # what was kept before is not to be lost
    except OSError:  # a file system without hard links
        path.rename(target)
    return target


def set_log_aside(path: Path, target: Path | None = None) -> None:
    """Rename the log of the database at `path`, if there is one, to that of `target`.

    A log that outlives its database would be replayed into the next one.
    """
    log = log_of(path)
    if log.exists():
        log.rename(log_of(target or _beside(path)))


def log_of(path: Path) -> Path:
    """Return where DuckDB keeps the log of the database at `path`."""
    return path.with_name(path.name + ".wal")


def _beside(path: Path) -> Path:
    """Return a name with the time in it that nothing kept earlier has, nor its log."""
    made = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = (f"{path.name}.damaged-{made}{again}" for again in _endings())
    return next(
        target
        for target in map(path.with_name, names)
        if not target.exists() and not log_of(target).exists()
    )


def _endings() -> Iterator[str]:
    yield ""  # most often once in a second
    yield from (f"-{number}" for number in count(2))
