"""The shipped protocols on real images: a few epochs here, whole in the slow session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., Any]
SHORT = ("--set", "finetuning.epochs=2")


@pytest.fixture
def roots(shared_data: Path) -> dict[str, str]:
    """The environment variables that name the real data."""
    return {"BREAKHIS_ROOT": str(shared_data / "breakhis"), "UCSB_ROOT": str(shared_data / "ucsb")}


def _check_breakhis(bench: Bench, done: Any, env: dict[str, str]) -> None:
    assert done.code == 0, done.err
    # Who takes part and who does not is said, not left to be found out.
    assert "12 of 12 sets take part" in done.err
    assert "B_A_14-22549AB" in done.err
    assert "leaves out 20 images" in done.err
    scores = bench("results", "breakhis-sample", "--json", env=env).json["cells"]
    assert {row["experiment"] for row in scores} == {
        "baseline", "fixed", "ordered", "random", "floor",
    }  # fmt: skip
    assert all(row["state"] == "done" for row in scores)


def test_breakhis_from_raw_files_to_a_table(bench: Bench, roots: dict[str, str]) -> None:
    short = (*SHORT, "--set", "pretraining.epochs=2", "--set", "matrix.seed=[0]")
    _check_breakhis(bench, bench("run", "breakhis-sample", *short, env=roots), roots)


@pytest.mark.slow
def test_ucsb_from_raw_files_to_a_table(bench: Bench, roots: dict[str, str]) -> None:
    done = bench("run", "ucsb-scratch", *SHORT, env=roots)
    assert done.code == 0, done.err
    assert "Patch-level accuracy" in done.out
    query = (
        "SELECT count(DISTINCT image_id) AS images, count(*) AS patches, "
        "count(DISTINCT cells.fold) AS folds FROM predictions JOIN cells USING (cell_id) "
        "WHERE experiment = 'baseline' AND part = 'test'"
    )
    (row,) = bench("sql", query, "--json").json
    assert row == {"images": 58, "patches": 58 * 16, "folds": 5}


@pytest.mark.slow
def test_breakhis_sample_whole(bench: Bench, roots: dict[str, str]) -> None:
    done = bench("run", "breakhis-sample", env=roots, timeout=1200)
    print(done.out)
    _check_breakhis(bench, done, roots)


@pytest.mark.slow
def test_ucsb_whole(bench: Bench, roots: dict[str, str]) -> None:
    done = bench("run", "ucsb-scratch", env=roots, timeout=1200)
    print(done.out)
    assert done.code == 0, done.err
    query = (
        "SELECT avg(value) AS accuracy FROM cells JOIN metrics USING (cell_id) "
        "WHERE experiment = 'baseline' AND metric = 'image_accuracy'"
    )
    (row,) = bench("sql", query, "--json").json
    assert row["accuracy"] > 32 / 58, "better than calling every image benign"


@pytest.mark.slow
def test_exp_13_to_15_on_the_real_ucsb_images(bench: Bench, roots: dict[str, str]) -> None:
    """Pre-trained on drawn tissue by MPCS, all five folds, fine-tuned and linear."""
    names = ("exp-13", "exp-14", "exp-15")
    done = bench("run", *names, "--scale", "cpu", env=roots, timeout=2400)
    print(done.out)
    assert done.code == 0, done.err
    query = (
        "SELECT experiment, adaptation, count(*) AS folds, avg(value) AS accuracy FROM cells "
        "JOIN metrics USING (cell_id) WHERE metric = 'image_accuracy' AND part = 'test' "
        "GROUP BY ALL ORDER BY ALL"
    )
    rows = bench("sql", query, "--json").json
    assert len(rows) == 6
    assert all(row["folds"] == 5 for row in rows)
    assert all(row["accuracy"] > 32 / 58 for row in rows if row["adaptation"] == "finetune")


@pytest.mark.slow
def test_bach_on_its_real_images(bench: Bench, shared_data: Path) -> None:
    """Twenty images: a path, not a result."""
    env = {"BACH_ROOT": str(shared_data / "bach")}
    short = ("--scale", "cpu", *SHORT, "--set", "matrix.fold=[0, 1]")
    tiny = ("--set", "per.strategy.*.pretraining.epochs=1")
    done = bench("run", "exp-09", "exp-10", *short, *tiny, env=env, timeout=1200)
    assert done.code == 0, done.err
    query = (
        "SELECT count(DISTINCT image_id) AS images, count(DISTINCT sample_id) AS patches "
        "FROM predictions JOIN cells USING (cell_id) WHERE experiment = 'exp-9' AND part = 'test'"
    )
    (row,) = bench("sql", query, "--json").json
    assert row == {"images": 8, "patches": 8 * 25}
