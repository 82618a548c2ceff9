"""The database as it grows: commits, a rebuild, listing, SQL, the digest, one cell.

Aim: with 10,000,000 predictions listing and SQL stay fast, a commit costs what it always costs, and
what must read everything grows linearly (slope at most 1.1).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fabricated_results import IMAGES, Fabricated

from mpcs_bench.records import StageState
from mpcs_bench.shipped import folder
from mpcs_bench.store import Store, rebuild

PATIENT_ACCURACY = (
    "SELECT cell_id, magnification, avg(share) FROM (SELECT cell_id, magnification, patient_id, "
    "avg((predicted = label)::INT) AS share FROM predictions WHERE part = 'test' GROUP BY ALL) "
    "GROUP BY ALL"
)
ACCURACY = (
    "SELECT strategy, magnification, avg((predicted = predictions.label)::INT) "
    "FROM predictions JOIN cells USING (cell_id) GROUP BY ALL"
)


def shipped(name: str) -> str:
    return (folder("reports") / "tables" / f"{name}.sql").read_text(encoding="utf-8")


def asking(store: Store, sql: str, parameters: dict[str, Any] | None = None) -> Callable[[], Any]:
    def ask() -> Any:
        with store.reader() as connection:
            return connection.execute(sql, parameters or {}).fetchall()

    return ask


def queries(store: Store) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield what is asked of a database, by command."""
    yield "open it", lambda: store.query("SELECT 1")
    yield "list cells (`results`)", asking(store, shipped("results"), {"protocols": ["scale"]})
    yield "one cell (`show`)", asking(store, shipped("find_cell"), {"name": "7"})
    yield "its metrics (`show`)", asking(store, shipped("cell_metrics"), {"cell": 7})
    yield "its predictions", lambda: store.query("FROM predictions WHERE cell_id = 7")
    yield "cells of a report", asking(store, shipped("cells"), {"protocol": "scale"})
    yield "values of a report", asking(store, shipped("values"), {"protocol": "scale"})
    yield "accuracy by strategy", lambda: store.query(ACCURACY)
    yield "patient accuracy by cell", lambda: store.query(PATIENT_ACCURACY)


@pytest.mark.usefixtures("unsynced")
def test_a_database_of_many_predictions(
    benchmark: Any, aims: Any, scaling: Any, sizes: Any, tmp_path: Path
) -> None:
    def measure(predictions: int) -> None:
        place = Fabricated(tmp_path / str(predictions))
        cells = predictions // IMAGES
        for number in range(cells):
            place.write(number)
        place.plan()
        store = Store(place.root)
        scaling.time("rebuild", predictions, lambda: rebuild(place.root))
        for name, ask in queries(store):
            assert scaling.time(name, predictions, ask, repeats=3)
        scaling.time("digest", predictions, store.digest)
        # New results: what was there is not read for them.
        fresh = [place.write(cells + number) for number in range(23)]
        alone = iter(fresh[:3])
        scaling.time(
            "commit one result",
            predictions,
            lambda: store.commit(results=[next(alone)]),
            repeats=3,
        )
        scaling.time("commit 20 at once", predictions, lambda: store.commit(results=fresh[3:]))
        counted = store.query("SELECT count(*) FROM predictions")[1]
        assert counted == [((cells + 23) * IMAGES,)]
        shutil.rmtree(place.root)

    *smaller, largest = sizes(50_000, 200_000, 800_000, full=10_000_000)
    for number in smaller:
        measure(number)
    benchmark.pedantic(lambda: measure(largest), rounds=1, iterations=1)
    benchmark.extra_info["slopes"] = scaling.slopes()
    scaling.judge(aims, "ingest and queries")


@pytest.mark.usefixtures("unsynced")
def test_a_rebuild_of_many_small_results(
    benchmark: Any, aims: Any, scaling: Any, sizes: Any, tmp_path: Path
) -> None:
    def measure(results: int) -> None:
        place = Fabricated(tmp_path / str(results), images=100)
        for number in range(results):
            place.write(number)
        place.plan()
        report = scaling.time("rebuild", results, lambda: rebuild(place.root))
        assert len(report.added) == results
        shutil.rmtree(place.root)

    *smaller, largest = sizes(125, 500, 2_000, full=10_000)
    for number in smaller:
        measure(number)
    benchmark.pedantic(lambda: measure(largest), rounds=1, iterations=1)
    benchmark.extra_info["slopes"] = scaling.slopes()
    scaling.judge(aims, "rebuild of small results")


@pytest.mark.usefixtures("unsynced")
def test_results_that_come_together_go_in_together(
    benchmark: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The ratio that a committer gains by taking what waits in one transaction."""
    place = Fabricated(tmp_path, images=400)
    store = Store(tmp_path)
    store.commit()
    singly = [place.write(number) for number in range(40)]
    together = [place.write(number) for number in range(40, 80)]

    def commit(paths: Sequence[Path], at_once: int) -> float:
        start = time.process_time()
        for first in range(0, len(paths), at_once):
            some = paths[first : first + at_once]
            states = [StageState(path.name, "s", "done") for path in some]
            store.commit(states=states, results=some)
        return (time.process_time() - start) / len(paths)

    alone = commit(singly, 1)
    joint = benchmark.pedantic(lambda: commit(together, 40), rounds=1, iterations=1)
    benchmark.extra_info["ratio"] = alone / joint
    with capsys.disabled():
        print(
            f"\na result of 400 predictions: {1000 * alone:.0f} ms of processor time committed "
            f"alone, {1000 * joint:.1f} ms as one of 40 (1/{alone / joint:.0f})"
        )
    assert store.query("SELECT count(*) FROM predictions")[1] == [(80 * 400,)]
