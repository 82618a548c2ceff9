"""Make the database again from the files of the workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from mpcs_bench.errors import StoreError
from mpcs_bench.records import (
    SeenResults,
    read_plans,
    read_states,
    result_folders,
    sweep_temporaries,
)
from mpcs_bench.records.atomic_write import cannot_write, fsync_file, fsync_folder
from mpcs_bench.records.process import unique_token
from mpcs_bench.store.checked import whole_results
from mpcs_bench.store.connection import Retry, translated
from mpcs_bench.store.damage import is_damaged, keep_aside, log_of, set_log_aside
from mpcs_bench.store.ingest import load_plans, load_results, load_samples, load_states
from mpcs_bench.store.locking import Number, held, number_of
from mpcs_bench.store.rows import CommitReport, SampleSource
from mpcs_bench.store.schema import create_schema
from mpcs_bench.store.statements import statement

DATABASE = "bench.duckdb"
_AT_ONCE = 500  # results per step: bounds the memory, costs nothing
_DEFAULT = Retry()


def rebuild(workspace: Path, retry: Retry = _DEFAULT) -> CommitReport:
    """Make `bench.duckdb` of `workspace` from results/, states/, plans/ and cache/index/.

    An old database, readable or not, stays until the new one is complete, and is locked until
    then: commits of other processes find it busy and keep their results on disk. Where another
    process was faster, its database is kept, and nothing is reported. Comparisons and published
    values are not on disk: compute and load them again. Damaged results are left out and reported.

    Raises StoreBusy where the old database is held open by someone else, StoreError where the
    workspace cannot be written. No connection of this process may be open on it.
    """
    made = _replace(workspace, retry, _standing(workspace / DATABASE), keep_old=False)
    return CommitReport() if made is None else made[0]


def make_missing(workspace: Path, retry: Retry = _DEFAULT) -> CommitReport:
    """Make `bench.duckdb` where there is none; what another process makes meanwhile is kept.

    Raises as `rebuild`.
    """
    made = _replace(workspace, retry, None, keep_old=False)
    return CommitReport() if made is None else made[0]


def mend(workspace: Path, retry: Retry = _DEFAULT) -> tuple[CommitReport, Path] | None:
    """Make a damaged `bench.duckdb` again; return what is in it, and where the damaged one is now.

    None where nothing is wrong with it, or another process has mended it meanwhile. As `rebuild`,
    but that the damaged file is kept.
    """
    path = workspace / DATABASE
    damaged = _standing(path)
    if damaged is None or not is_damaged(path):
        return None
    made = _replace(workspace, retry, damaged, keep_old=True)
    return None if made is None or made[1] is None else (made[0], made[1])


def _standing(path: Path) -> Number | None:
    try:
        return number_of(path)
    except OSError as error:
        raise cannot_write(path, error) from error


def _replace(
    workspace: Path, retry: Retry, expected: Number | None, *, keep_old: bool
) -> tuple[CommitReport, Path | None] | None:
    """Put a new database where the one numbered `expected` is; return where the old one is kept.

    None, and nothing done, where it is another by now: what stands only in that would be lost.
    """
    path = workspace / DATABASE
    _check_path(path)
    aside: Path | None = None
    with _made(workspace, path) as temporary, held(path, retry) as stands:
        if stands != expected:
            return None
        report = _build(temporary, workspace)
        fsync_file(temporary)
        if expected is None:
            if not _install_first(temporary, path):
                return None
        elif keep_old:
            aside = keep_aside(path)
            temporary.replace(path)
        else:
            # A log that outlives its database would be replayed into the new one. Should we end
            # between these steps, the old one lacks its last commits, whose results are on disk.
            log_of(path).unlink(missing_ok=True)
            temporary.replace(path)
        fsync_folder(workspace)
    return report, aside


@contextmanager
def _made(workspace: Path, path: Path) -> Iterator[Path]:
    """Give the name of a temporary database, and remove what is left of it in the end."""
    sweep_temporaries(workspace)
    temporary = workspace / f".tmp-{DATABASE}-{os.getpid()}-{unique_token()}"
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        yield temporary
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        for leftover in (temporary, log_of(temporary)):
            with suppress(OSError):  # what failed first is what to tell
                leftover.unlink(missing_ok=True)


def _check_path(path: Path) -> None:
    # DuckDB takes what follows for the parameters of an address, and loses its log.
    if "?" in str(path):
        raise StoreError(
            f"A database cannot be in a folder with '?' in its name: {path.parent}.",
            hint="Choose another folder with --workspace.",
        )


def _build(temporary: Path, workspace: Path) -> CommitReport:
    folder = workspace / "results"
    paths = [folder / key for key in result_folders(folder)]
    seen = SeenResults(workspace)
    added: list[str] = []
    damaged: dict[Path, tuple[str, ...]] = {}
    with (
        translated(f"Cannot build {temporary}", "Free space there, then run again."),
        closing(duckdb.connect(str(temporary))) as connection,
    ):
        connection.begin()
        create_schema(connection)
        load_plans(connection, read_plans(workspace))
        load_states(connection, list(read_states(workspace).values()))
        for start in range(0, len(paths), _AT_ONCE):
            some = paths[start : start + _AT_ONCE]
            results, bad = whole_results(some, seen, just_made=False)
            added += load_results(connection, results)
            damaged |= bad
        load_samples(connection, _sample_sources(workspace, connection))
        connection.execute(statement("sweep"))
        connection.commit()
        connection.execute("CHECKPOINT")
    return CommitReport(added=tuple(added), damaged=damaged)


def _sample_sources(workspace: Path, connection: duckdb.DuckDBPyConnection) -> list[SampleSource]:
    # The name of a data set is not in its index; the cells that use it know it.
    rows = connection.execute(
        "SELECT fingerprint, min(dataset) FROM cell WHERE fingerprint IS NOT NULL GROUP BY ALL"
    ).fetchall()
    names = dict(rows)
    files = sorted((workspace / "cache" / "index").glob("[!.]*.parquet"))
    return [
        SampleSource(file.stem, file, names.get(file.stem) or _name_inside(file)) for file in files
    ]


def _name_inside(file: Path) -> str | None:
    metadata = pq.read_schema(file).metadata or {}
    name = metadata.get(b"dataset")
    return None if name is None else name.decode()


def _install_first(temporary: Path, path: Path) -> bool:
    """Give a new database its name; False where another has it."""
    # Nobody opens it before a log that an earlier one has left is out of the way.
    with held(temporary, _DEFAULT):
        if path.exists():
            return False
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            temporary.replace(path)
        set_log_aside(path)
    return True
