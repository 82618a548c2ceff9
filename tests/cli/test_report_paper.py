"""`report` writes the paper's tables and figures where a protocol holds an experiment of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench.records import (
    PlannedCell,
    PlanRecord,
    ResultSpec,
    ResultTables,
    metrics_table,
    write_result,
)
from mpcs_bench.store import Store

Bench = Callable[..., Any]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with one experiment of the paper, and one of nobody's."""
    place = tmp_path / "mpcs-workspace"
    plans, results = [], []
    for protocol, experiment in (("exp-13", "exp-13"), ("plain", "mine")):
        axes = {
            "dataset": "ucsb",
            "encoder": "resnet50",
            "weights": "imagenet",
            "strategy": "fixed",
            "loss": "nt-xent",
            "adaptation": "finetune",
            "fold": 0,
            "split_seed": 47,
            "seed": 0,
        }
        spec = ResultSpec(protocol, "finetune", protocol, 1, spec={}, axes=axes)
        row = {"part": "test", "test_magnification": 0, "metric": "image_accuracy", "n": 12}
        tables = ResultTables(metrics=metrics_table([row | {"value": 0.75}]))
        results.append(write_result(place / "results", spec, tables, environment={}))
        cell = PlannedCell(
            protocol,
            0,
            experiment,
            experiment,
            axes,
            protocol,
            dataset="ucsb",
            fingerprint="f" * 64,
            split_hash="s",
        )
        plans.append(
            PlanRecord(protocol, protocol, "paper", None, "2025-01-02T03:04:05+00:00", (cell,))
        )
    Store(place).commit(plans, [], results)
    return place


def test_every_protocol_of_the_workspace_is_reported_and_the_paper_with_them(
    bench: Bench, workspace: Path
) -> None:
    done = bench("report", "--json")

    assert done.code == 0, done.err
    assert list(done.json) == ["exp-13", "plain", "paper"]
    paths = [Path(path) for path in done.json["paper"]]
    assert all((workspace.parent / path).is_file() for path in paths)
    names = {str(path.relative_to("mpcs-workspace/reports/paper")) for path in paths}
    assert {
        "index.html",
        "paper.md",
        "claims.csv",
        "tables/tables.tex",
        "tables/table-9-changed.tex",
        "tables/table-9-changed.csv",
        "figures/figure-4.png",
        "figures/figure-4.svg",
    } <= names


def test_the_papers_table_is_printed_and_its_page_named(bench: Bench, workspace: Path) -> None:
    done = bench("report", "all", "--output", "out")

    assert done.code == 0, done.err
    assert "Table 9." in done.out
    assert "75.00" in done.out
    assert "−23.14 (1)" in done.out, "98.14 is published"
    assert "Wrote out/paper/index.html" in done.out
    assert (workspace.parent / "out/plain/report.html").is_file()


def test_a_protocol_of_no_published_experiment_gets_no_such_page(
    bench: Bench, workspace: Path
) -> None:
    done = bench("report", "plain", "--json")

    assert done.code == 0, done.err
    assert list(done.json) == ["plain"]
    assert not (workspace / "reports/paper").exists()


def test_a_workspace_without_a_protocol_says_so(bench: Bench, tmp_path: Path) -> None:
    Store(tmp_path / "mpcs-workspace").commit([], [], [])
    done = bench("report")

    assert done.code == 2
    assert "There is no protocol in mpcs-workspace" in done.err


def test_pages_open_with_verdicts_and_sql_can_ask_for_them(bench: Bench, workspace: Path) -> None:
    done = bench("report")

    assert done.code == 0, done.err
    assert "Verdict: not comparable with the published values of mpcs-wacv-2023: " in done.out
    page = (workspace / "reports/paper/index.html").read_text()
    assert page.index("<h2>Verdicts</h2>") < page.index("<h2>Table 9</h2>")
    asked = bench(
        "sql",
        "--json",
        "SELECT verdict, printed, round(difference, 2) AS gap FROM verdicts JOIN published "
        "USING (source, table_id, row_id, column_id) WHERE n = 1",
    )
    [row] = asked.json
    assert (row["verdict"], row["gap"]) == ("not comparable", -23.14)
    assert row["printed"].startswith("98.14")


def test_the_report_of_a_scaled_down_run_opens_with_why_it_is_not_comparable(
    bench: Bench, ran: Path
) -> None:
    done = bench("report", "tiny")

    assert done.code == 0, done.err
    opening = done.out.index("Verdict: not comparable with the published values of mpcs-wacv-2023:")
    assert opening < done.out.index("Scaled-down run"), "before all else"
    line = done.out[opening:].splitlines()[0]
    assert "scale test; data set tissue instead of breakhis; encoder timm/test_resnet" in line
    for name in ("tiny/report.html", "tiny/report.md", "paper/paper.md"):
        assert "not comparable" in (ran.parent / "mpcs-workspace/reports" / name).read_text()
    asked = bench("sql", "--json", "SELECT DISTINCT verdict FROM verdicts WHERE n IS NOT NULL")
    assert asked.json == [{"verdict": "not comparable"}]
