"""Predictions into DuckDB: the store's bulk load against `executemany` in one transaction.

Both write the same rows into tables of the same columns; aim: 50 times as many rows a second.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from fabricated_results import Fabricated

from mpcs_bench.store import Store

CELLS, IMAGES = 40, 2_000
ONE_BY_ONE = 4_000


@pytest.mark.usefixtures("unsynced")
def test_bulk_load_against_executemany(
    benchmark: Any, aims: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Fabricated(tmp_path / "bulk", images=IMAGES)
    results = [place.write(number) for number in range(CELLS + 1)]
    place.plan()
    store = Store(place.root)
    store.commit(results=results[:1])
    table = pq.read_table(results[1] / "predictions.parquet")
    rows = [tuple(row.values()) for row in table.to_pylist()]
    connection = duckdb.connect(str(tmp_path / "rows.duckdb"))
    connection.register("given", table)
    connection.execute("CREATE TABLE predictions AS FROM given LIMIT 0")
    marks = ", ".join("?" * table.num_columns)

    def one_by_one() -> float:
        start = time.process_time()
        for first in range(0, ONE_BY_ONE, IMAGES):
            connection.execute("BEGIN")
            connection.executemany(f"INSERT INTO predictions VALUES ({marks})", rows)
            connection.execute("COMMIT")
            assert first < ONE_BY_ONE
        return ONE_BY_ONE / (time.process_time() - start)

    def bulk() -> float:
        start = time.process_time()
        store.commit(results=results[1:])
        return CELLS * IMAGES / (time.process_time() - start)

    slow, fast = benchmark.pedantic(lambda: (one_by_one(), bulk()), rounds=1, iterations=1)
    assert store.query("SELECT count(*) FROM predictions")[1] == [((CELLS + 1) * IMAGES,)]
    benchmark.extra_info["ratio"] = fast / slow
    aims.row(
        "bulk ingest / executemany in a transaction",
        f"{fast / slow:.0f}",
        ">= 50",
        fast / slow >= 50,
        f"{fast:,.0f} and {slow:,.0f} predictions a second",
    )
    with capsys.disabled():
        print(
            f"\npredictions a second of processor time: bulk {fast:,.0f}, executemany {slow:,.0f}"
        )
