"""Load plans, states, results and sample indexes into an open database, in bulk.

Every function works in the transaction that the caller has opened, and may be called again with
the same input: the second time changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from mpcs_bench.errors import StoreError
from mpcs_bench.records import PlanRecord, Result, StageState
from mpcs_bench.records.files import TABLE_FILES
from mpcs_bench.store import incoming, incoming_cells
from mpcs_bench.store.connection import arrow
from mpcs_bench.store.rows import ComparisonRow, PublishedSource, SampleSource, VerdictRow
from mpcs_bench.store.statements import statement

_SAMPLE_COLUMNS: tuple[str, ...] = (
    *("sample_id", "path", "label", "label_index", "subtype", "patient_id", "magnification"),
    *("sequence", "image_id", "patch_index", "box_x", "box_y", "box_w", "box_h"),
    *("width", "height", "pixel_hash"),
)


def load_plans(connection: duckdb.DuckDBPyConnection, plans: Sequence[PlanRecord]) -> None:
    """Load plans; each replaces what its protocol consisted of before."""
    cells = incoming_cells.planned_cells_table(plans)
    tables = {
        "incoming_plan": incoming.plans_table(plans),
        "incoming_cell": cells,
        "incoming_stage": cells.select(["key", "symbolic"]).drop_null(),
    }
    with registered(connection, tables):
        connection.execute(statement("commit_stages"))
        connection.execute(statement("commit_cells"))
        connection.execute(statement("commit_plans"))


def load_states(connection: duckdb.DuckDBPyConnection, states: Sequence[StageState]) -> None:
    """Load states of stages; each replaces the stage's former state."""
    table = incoming.states_table(states)
    tables = {"incoming_state": table, "incoming_stage": table.select(["key", "symbolic"])}
    with registered(connection, tables):
        connection.execute(statement("commit_stages"))
        connection.execute(statement("commit_states"))


def load_results(
    connection: duckdb.DuckDBPyConnection, results: Sequence[Result]
) -> tuple[str, ...]:
    """Load results that are not there yet; return their keys.

    The caller has checked that they are whole. Keys must differ.
    """
    table = incoming.results_table(results)
    tables = {
        "incoming_result": table,
        "incoming_stage": table.select(["key", "symbolic"]),
        "incoming_cell": incoming_cells.result_cells_table(results),
    }
    with registered(connection, tables):
        connection.execute(statement("commit_stages"))
        connection.execute(statement("commit_cells"))
        connection.execute(statement("new_results"))
    new = arrow(connection, "SELECT * FROM new_result ORDER BY stage_id")
    if new.num_rows == 0:
        return ()
    for name in TABLE_FILES:
        files = [literal_glob(path) for path in new[f"{name}_file"].to_pylist()]
        connection.execute(f"SET VARIABLE {name}_files = ?", [files])
    connection.execute(statement("commit_results"))
    return tuple(new["key"].to_pylist())


def load_samples(connection: duckdb.DuckDBPyConnection, sources: Sequence[SampleSource]) -> None:
    """Load sample indexes whose fingerprint is not there yet; name those that had no name.

    Raises StoreError where a file lacks a column, or has no `group_...` column.
    """
    rows = connection.execute("SELECT fingerprint, dataset FROM sample_index").fetchall()
    known = dict(rows)
    for source in sources:
        if source.fingerprint in known:
            if known[source.fingerprint] is None and source.dataset is not None:
                connection.execute(
                    "UPDATE sample_index SET dataset = ? WHERE fingerprint = ?",
                    [source.dataset, source.fingerprint],
                )
            continue
        known[source.fingerprint] = source.dataset
        _check_samples(source.path)
        variables = {
            "sample_file": literal_glob(str(source.path)),
            "sample_fingerprint": source.fingerprint,
            "sample_dataset": source.dataset,
        }
        for name, value in variables.items():
            connection.execute(f"SET VARIABLE {name} = ?", [value])
        connection.execute(statement("commit_samples"))


def load_comparisons(connection: duckdb.DuckDBPyConnection, rows: Sequence[ComparisonRow]) -> None:
    """Load comparisons; those of a pair on a metric replace all that were there of it."""
    with registered(connection, {"incoming_comparison": incoming.comparisons_table(rows)}):
        connection.execute(statement("commit_comparisons"))


def load_verdicts(connection: duckdb.DuckDBPyConnection, rows: Sequence[VerdictRow]) -> None:
    """Load verdicts; those on a publication replace all that were there on it."""
    with registered(connection, {"incoming_verdict": incoming.verdicts_table(rows)}):
        connection.execute(statement("commit_verdicts"))


def load_published(
    connection: duckdb.DuckDBPyConnection, sources: Sequence[PublishedSource]
) -> None:
    """Load published values and claims; those of a source replace what it had before."""
    tables = {
        "incoming_publication": incoming.publications_table(sources),
        "incoming_published": incoming.published_table(sources),
        "incoming_claim": incoming.claims_table(sources),
    }
    with registered(connection, tables):
        connection.execute(statement("commit_published"))


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Any]) -> Iterator[None]:
    """Let SQL see Arrow tables under the given names for a while."""
    for name, table in tables.items():
        connection.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            connection.unregister(name)


def literal_glob(path: str) -> str:
    """Return a pattern that matches `path` only: DuckDB reads file names as patterns."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def _check_samples(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    hint = "Remove this file: the index is made again on the next run."
    try:
        names = pq.read_schema(path).names
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"Cannot read the sample index {path}: {error}", hint=hint) from error
    missing = [name for name in _SAMPLE_COLUMNS if name not in names]
    if missing:
        raise StoreError(f"The sample index {path} lacks: {', '.join(missing)}.", hint=hint)
    if not any(name.startswith("group_") for name in names):
        raise StoreError(f"The sample index {path} has no 'group_...' column.", hint=hint)
