"""The paper's protocols at smoke scale: drawn tissue, every factor, down to the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., Any]
EXPERIMENTS = [f"exp-{number:02d}" for number in range(1, 16)]
SMOKE = ("--scale", "smoke")


def test_one_experiment_of_each_data_set_runs_to_its_table(bench: Bench, tmp_path: Path) -> None:
    done = bench("run", "exp-01", "exp-10", "exp-13", *SMOKE)

    assert done.code == 0, done.err
    assert "Scaled-down run (scale smoke)" in done.out
    cells = bench("results", "--json").json["cells"]
    assert Counter(cell["protocol"] for cell in cells) == {"exp-01": 8, "exp-10": 14, "exp-13": 4}
    assert {cell["state"] for cell in cells} == {"done"}
    page = (tmp_path / "mpcs-workspace/reports/exp-13/report.html").read_text()
    assert "Decisions behind the numbers" in page
    assert "ucsb-patches" in page
    metrics = bench("sql", "SELECT DISTINCT dataset, metric FROM metrics JOIN cells USING (cell_id)"
                    " WHERE part = 'test'", "--json").json  # fmt: skip
    found = {(row["dataset"], row["metric"]) for row in metrics}
    assert {
        ("bach", "patch_accuracy"),
        ("bach", "image_accuracy"),
        ("bach", "image_f1_weighted"),
        ("ucsb", "image_precision"),
        ("ucsb", "image_recall"),
        ("breakhis", "patient_accuracy"),
    } <= found

    again = bench("run", "exp-01", "exp-10", "exp-13", *SMOKE)
    assert "Nothing to run: all 28 stages are done" in again.err


@pytest.mark.slow
@pytest.mark.parametrize("fidelity", ["paper", "released-code"])
def test_all_fifteen_run_to_tables_and_figures(bench: Bench, tmp_path: Path, fidelity: str) -> None:
    done = bench("run", *EXPERIMENTS, "--overlay", fidelity, *SMOKE, timeout=1800)
    assert done.code == 0, done.err
    kinds = bench(
        "sql", "SELECT kind, count(*) AS n FROM stages WHERE state = 'done' GROUP BY kind", "--json"
    ).json
    assert {row["kind"]: row["n"] for row in kinds} == {
        "pretrain": 6, "finetune": 64 + 44 + 6, "linear": 6,
    }  # fmt: skip

    report = bench("report", *EXPERIMENTS, "--output", tmp_path / "pages")
    assert report.code == 0, report.err
    paper = tmp_path / "pages" / "paper"
    for number in (5, 6, 7, 8, 9):
        assert list(paper.rglob(f"table-{number}*.tex")), number
        assert list(paper.rglob(f"table-{number}*.csv")), number
    for number in range(4, 11):
        assert list(paper.rglob(f"figure-{number}*.png")), number
        assert list(paper.rglob(f"figure-{number}*.svg")), number


@pytest.mark.slow
def test_cross_magnification_runs_to_its_matrix(bench: Bench) -> None:
    done = bench("run", "cross-magnification", *SMOKE, timeout=900)
    assert done.code == 0, done.err
    assert "40X → 400X" in done.out


@pytest.mark.slow
def test_the_sensitivity_protocol_compares_rows_that_differ_in_one_decision(bench: Bench) -> None:
    only = "experiment=default,experiment=temperature.released,experiment=threshold.released"
    done = bench(
        "run", "sensitivity", *SMOKE, "--only", only, "--set", "matrix.fold=[0, 1, 2]", timeout=900
    )
    assert done.code == 0, done.err
    query = "SELECT DISTINCT candidate, note FROM comparison WHERE p IS NOT NULL"
    compared = {row["candidate"] for row in bench("sql", query, "--json").json}
    assert any("temperature" in name for name in compared)
