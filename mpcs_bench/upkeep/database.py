"""What the database knows of results that are, or go, away."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from mpcs_bench.store import Retry, Store
from mpcs_bench.store.connection import connect, translated
from mpcs_bench.store.schema import check_schema
from mpcs_bench.store.statements import statement

RETRY = Retry(wait=15.0)
FAILED = "Nothing was moved or removed. Free the database, then run the command again."


def finished_keys(workspace: Path) -> list[str]:
    """Return the keys of the results that the database holds; raises StoreError."""
    with Store(workspace, RETRY).reader() as connection:
        rows = connection.execute("SELECT key FROM stages WHERE finished IS NOT NULL").fetchall()
    return sorted(str(key) for (key,) in rows)


def forget(
    workspace: Path,
    *,
    results: Iterable[str] = (),
    states: Iterable[str] = (),
    indexes: Iterable[str] = (),
    protocols: Iterable[str] = (),
) -> None:
    """Take results and states (by key) and sample indexes (by fingerprint) out of the database.

    Cells that a plan names stay, as planned. Comparisons and verdicts of `protocols` go: they
    rest on what goes. One transaction; raises StoreBusy where someone else holds the database,
    StoreError where it cannot be written.
    """
    store = Store(workspace, RETRY)
    if not store.path.exists():
        return  # it is made from the files when it is needed
    names = {"results": results, "states": states, "indexes": indexes, "protocols": protocols}
    with (
        closing(connect(store.path, RETRY, read_only=False)) as connection,
        translated(f"The change of {store.path} failed", FAILED),
    ):
        check_schema(connection, store.path)
        connection.begin()
        try:
            for name, values in names.items():
                connection.execute(f"SET VARIABLE gone_{name} = ?::VARCHAR[]", [sorted(values)])
            connection.execute(_sql("forget"))
            connection.execute(statement("sweep"))
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def _sql(name: str) -> str:
    return (files("mpcs_bench.upkeep") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
