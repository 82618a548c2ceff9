"""The database of one workspace: what every other part of the harness sees of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from mpcs_bench.errors import StoreError
from mpcs_bench.records import PlanRecord, SeenResults, StageState, result_folders
from mpcs_bench.store import ingest
from mpcs_bench.store.checked import whole_results
from mpcs_bench.store.connection import Retry, StoreDamaged, connect, translated
from mpcs_bench.store.digest import digest_of
from mpcs_bench.store.export import ExportFormat, read_relation, write_table
from mpcs_bench.store.readonly import rows_of, table_of
from mpcs_bench.store.rebuild import DATABASE, make_missing, mend, rebuild
from mpcs_bench.store.rows import (
    CommitReport,
    ComparisonRow,
    PublishedSource,
    SampleSource,
    VerdictRow,
)
from mpcs_bench.store.schema import check_schema
from mpcs_bench.store.statements import statement

_DEFAULT = Retry()
_AT_ONCE = 500  # results per step: bounds the memory, costs nothing

T = TypeVar("T")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


class Store:
    """The database `bench.duckdb` in folder `workspace`.

    It is never kept open: every method opens it, waits as `retry` says while someone else holds
    it, and closes it. Where it is missing it is made from the files of the workspace. Where its
    bytes are damaged it is set aside and made again, and `note` (stderr) is told so. All methods
    raise StoreBusy where the wait was in vain, and StoreError where it is not ours, or of another
    schema: such a database is never touched.
    """

    def __init__(
        self, workspace: Path, retry: Retry = _DEFAULT, note: Callable[[str], None] = _say
    ) -> None:
        self.workspace = workspace
        self.retry = retry
        self.note = note

    @property
    def path(self) -> Path:
        """The database file."""
        return self.workspace / DATABASE

    def commit(
        self,
        plans: Iterable[PlanRecord] = (),
        states: Iterable[StageState] = (),
        results: Iterable[Path] = (),
        samples: Iterable[SampleSource] = (),
    ) -> CommitReport:
        """Put plans, states, result folders and sample indexes in, in one transaction.

        Committing the same twice changes nothing. Damaged results are left out and reported.
        """
        given = list(plans), list(states), list(results), list(samples)
        return self._mending(lambda: self._commit(*given))

    def _commit(
        self,
        plans: Sequence[PlanRecord],
        states: Sequence[StageState],
        results: Sequence[Path],
        samples: Sequence[SampleSource],
    ) -> CommitReport:
        made = self._make_if_missing()
        new, present = set(made.added), list[str]()
        added, damaged = list[str](), dict(made.damaged)
        seen = SeenResults(self.workspace)
        # Results are read while the database is held: nobody reads them in vain while it is busy.
        with self._writer() as connection:
            if plans:
                ingest.load_plans(connection, plans)
            if states:
                ingest.load_states(connection, states)
            for start in range(0, len(results), _AT_ONCE):
                some = results[start : start + _AT_ONCE]
                whole, bad = whole_results(some, seen, just_made=True)
                new |= set(ingest.load_results(connection, whole) if whole else ())
                added += [result.key for result in whole if result.key in new]
                present += [result.key for result in whole if result.key not in new]
                damaged |= bad
            ingest.load_samples(connection, samples)
            if plans:
                connection.execute(statement("sweep"))
        return CommitReport(added=tuple(added), present=tuple(present), damaged=damaged)

    def save_comparisons(self, rows: Iterable[ComparisonRow]) -> None:
        """Put comparisons in; what is there of a pair replaces all earlier rows of it."""
        listed = list(rows)
        self._write(lambda connection: ingest.load_comparisons(connection, listed))

    def save_verdicts(self, rows: Iterable[VerdictRow]) -> None:
        """Put the verdicts of a report in; they replace all former ones on their publication."""
        listed = list(rows)
        self._write(lambda connection: ingest.load_verdicts(connection, listed))

    def load_published(self, sources: Iterable[PublishedSource]) -> None:
        """Put published values and claims in; those of a source replace what it had before."""
        listed = list(sources)
        self._write(lambda connection: ingest.load_published(connection, listed))

    def published_digests(self) -> dict[str, str]:
        """Return the digest of each publication that is here, by its id."""
        return dict(self._read(lambda connection: _rows(connection, "publications")))

    def uncommitted(self) -> list[Path]:
        """Return the results on disk that the database does not hold yet, by key."""
        held = {key for (key,) in self._read(lambda connection: _rows(connection, "finished"))}
        folder = self.workspace / "results"
        return [folder / key for key in result_folders(folder) if key not in held]

    @contextmanager
    def reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a read-only connection; be brief, for nobody can commit meanwhile.

        It reads no files and writes none. An error of DuckDB comes out as StoreError. Damage that
        shows while it is lent is mended too, but what was read before was of the old database:
        the StoreError says to do it again.
        """
        connection = self._mending(self._open)
        try:
            with closing(connection), translated("Reading the database failed", None):
                yield connection
        except StoreDamaged as error:
            if not self._mend(error):
                raise
            raise StoreError(
                f"{self.path} was damaged, and has been made again.",
                hint="Run the command once more.",
            ) from error

    def query(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run one SELECT of a user and return column names and rows.

        Raises StoreError for anything but a SELECT, for files, and for SQL that fails.
        """
        return self._read(lambda connection: rows_of(connection, sql))

    def query_arrow(self, sql: str) -> Any:
        """Run one SELECT of a user and return a pyarrow table; raises as `query`."""
        return self._read(lambda connection: table_of(connection, sql))

    def digest(self, protocols: Sequence[str] | None = None) -> str:
        """Return the SHA-256 over all metrics and predictions (of the cells of `protocols`)."""
        return self._read(lambda connection: digest_of(connection, protocols))

    def export(self, name: str, kind: ExportFormat, path: Path, *, force: bool = False) -> Path:
        """Write the view or table `name` to `path` as csv, parquet or json, atomically.

        Raises StoreError where `path` exists and `force` is false.
        """
        table = self._read(lambda connection: read_relation(connection, name))
        return write_table(table, kind, path, force=force)

    def rebuild(self) -> CommitReport:
        """Make the database again from the files of the workspace; see `store.rebuild`."""
        return rebuild(self.workspace, self.retry)

    def _open(self) -> duckdb.DuckDBPyConnection:
        self._check_workspace()
        made = self._make_if_missing()
        if made.damaged:
            self.note(f"{self.path} was made again.{_left_out(made)}")
        connection = connect(self.path, self.retry, read_only=True)
        try:
            with translated("Reading the database failed", None):
                check_schema(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _read(self, use: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        def read() -> T:
            with (
                closing(self._open()) as connection,
                translated("Reading the database failed", None),
            ):
                return use(connection)

        return self._mending(read)

    def _write(self, use: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        def write() -> None:
            self._make_if_missing()
            with self._writer() as connection:
                use(connection)

        self._mending(write)

    @contextmanager
    def _writer(self) -> Iterator[duckdb.DuckDBPyConnection]:
        hint = "Nothing is lost: results wait on disk in results/. Run the command again."
        with (
            closing(connect(self.path, self.retry, read_only=False)) as connection,
            translated(f"The commit to {self.path} failed", hint),
        ):
            check_schema(connection, self.path)
            connection.begin()
            try:
                yield connection
            except BaseException:
                with suppress(Exception):  # what failed first is what to tell; closing rolls back
                    connection.rollback()
                raise
            connection.commit()

    def _mending(self, use: Callable[[], T]) -> T:
        """Return what `use` gives; where the database is damaged, mend it and try once more."""
        try:
            return use()
        except StoreDamaged as error:
            self._mend(error)
        return use()

    def _mend(self, error: StoreDamaged) -> bool:
        """Set a damaged database aside and make it again; False where nothing is wrong with it."""
        mended = mend(self.workspace, self.retry)
        if mended is None:
            return False  # another process was faster, or the error has passed
        made, aside = mended
        self.note(
            f"{error.message} It is kept as {aside.name}; the database was made again from "
            f"{len(made.added)} results.{_left_out(made)} Comparisons and verdicts come back with "
            "`mpcs-bench report`."
        )
        return True

    def _make_if_missing(self) -> CommitReport:
        return CommitReport() if self.path.exists() else make_missing(self.workspace, self.retry)

    def _check_workspace(self) -> None:
        parts = (DATABASE, "results", "plans", "states")
        if not any((self.workspace / name).exists() for name in parts):
            raise StoreError(
                f"There are no results in {self.workspace}.",
                hint="Run a protocol first (`mpcs-bench run quickstart`), or give the right "
                "folder with --workspace.",
            )


def _left_out(report: CommitReport) -> str:
    """Name the results that were too damaged to be loaded, and what is wrong with them."""
    named = [f"{path.name}: {'; '.join(problems)}" for path, problems in report.damaged.items()]
    return f" Left out, being damaged: {', '.join(named)}." if named else ""


def _rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    return connection.execute(statement(name)).fetchall()
