"""The database of one workspace: what every other part of the harness sees of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb

from mpcs_bench.errors import StoreError
from mpcs_bench.records import PlanRecord, StageState, list_results
from mpcs_bench.store import ingest
from mpcs_bench.store.checked import whole_results
from mpcs_bench.store.connection import Retry, connect, translated
from mpcs_bench.store.digest import digest_of
from mpcs_bench.store.export import ExportFormat, read_relation, write_table
from mpcs_bench.store.readonly import rows_of, table_of
from mpcs_bench.store.rebuild import DATABASE, rebuild
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


class Store:
    """The database `bench.duckdb` in folder `workspace`.

    It is never kept open: every method opens it, waits as `retry` says while someone else holds
    it, and closes it. All methods raise StoreBusy where the wait was in vain, and StoreError
    where the database is damaged, not ours, or of a newer schema. Where it is missing it is made
    from the files of the workspace.
    """

    def __init__(self, workspace: Path, retry: Retry = _DEFAULT) -> None:
        self.workspace = workspace
        self.retry = retry

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
        plans, states, samples = list(plans), list(states), list(samples)
        whole, damaged = whole_results(results)
        made = self._make_if_missing()
        with self._writer() as connection:
            if plans:
                ingest.load_plans(connection, plans)
            if states:
                ingest.load_states(connection, states)
            loaded = ingest.load_results(connection, whole) if whole else ()
            ingest.load_samples(connection, samples)
            if plans:
                connection.execute(statement("sweep"))
        new = {*made.added, *loaded}
        return CommitReport(
            added=tuple(result.key for result in whole if result.key in new),
            present=tuple(result.key for result in whole if result.key not in new),
            damaged={**made.damaged, **damaged},
        )

    def save_comparisons(self, rows: Iterable[ComparisonRow]) -> None:
        """Put comparisons in; a test computed again replaces the earlier one."""
        listed = list(rows)
        with self._writer() as connection:
            ingest.load_comparisons(connection, listed)

    def save_verdicts(self, rows: Iterable[VerdictRow]) -> None:
        """Put the verdicts of a report in; they replace all former ones on their publication."""
        listed = list(rows)
        with self._writer() as connection:
            ingest.load_verdicts(connection, listed)

    def load_published(self, sources: Iterable[PublishedSource]) -> None:
        """Put published values and claims in; those of a source replace what it had before."""
        listed = list(sources)
        with self._writer() as connection:
            ingest.load_published(connection, listed)

    def published_digests(self) -> dict[str, str]:
        """Return the digest of each publication that is here, by its id."""
        with self.reader() as connection:
            rows = connection.execute("SELECT source, digest FROM publication").fetchall()
        return dict(rows)

    def uncommitted(self) -> list[Path]:
        """Return the results on disk that the database does not hold yet, by key."""
        with self.reader() as connection:
            rows = connection.execute("SELECT key FROM stage WHERE finished IS NOT NULL").fetchall()
        held = {key for (key,) in rows}
        folder = self.workspace / "results"
        return [folder / key for key in list_results(folder) if key not in held]

    @contextmanager
    def reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a read-only connection; be brief, for nobody can commit meanwhile.

        It reads no files and writes none. An error of DuckDB comes out as StoreError.
        """
        self._check_workspace()
        self._make_if_missing()
        with (
            closing(connect(self.path, self.retry, read_only=True)) as connection,
            translated("Reading the database failed", None),
        ):
            check_schema(connection, self.path)
            yield connection

    def query(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run one SELECT of a user and return column names and rows.

        Raises StoreError for anything but a SELECT, for files, and for SQL that fails.
        """
        with self.reader() as connection:
            return rows_of(connection, sql)

    def query_arrow(self, sql: str) -> Any:
        """Run one SELECT of a user and return a pyarrow table; raises as `query`."""
        with self.reader() as connection:
            return table_of(connection, sql)

    def digest(self, protocols: Sequence[str] | None = None) -> str:
        """Return the SHA-256 over all metrics and predictions (of the cells of `protocols`)."""
        with self.reader() as connection:
            return digest_of(connection, protocols)

    def export(self, name: str, kind: ExportFormat, path: Path, *, force: bool = False) -> Path:
        """Write the view or table `name` to `path` as csv, parquet or json, atomically.

        Raises StoreError where `path` exists and `force` is false.
        """
        with self.reader() as connection:
            table = read_relation(connection, name)
        return write_table(table, kind, path, force=force)

    def rebuild(self) -> CommitReport:
        """Make the database again from the files of the workspace; see `store.rebuild`."""
        return rebuild(self.workspace, self.retry)

    @contextmanager
    def _writer(self) -> Iterator[duckdb.DuckDBPyConnection]:
        self._make_if_missing()
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
                connection.rollback()
                raise
            connection.commit()

    def _make_if_missing(self) -> CommitReport:
        return CommitReport() if self.path.exists() else rebuild(self.workspace, self.retry)

    def _check_workspace(self) -> None:
        parts = (DATABASE, "results", "plans", "states")
        if not any((self.workspace / name).exists() for name in parts):
            raise StoreError(
                f"There are no results in {self.workspace}.",
                hint="Run a protocol first (`mpcs-bench run quickstart`), or give the right "
                "folder with --workspace.",
            )
