"""`run`, as a user does it: once, again, changed, killed, interrupted, watched."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

Bench = Callable[..., Any]
Write = Callable[..., Path]
Start = Callable[..., "subprocess.Popen[str]"]

LONG = ("  epochs: 2\n  batch_size: 4\nfinetuning", "  epochs: 5000\n  batch_size: 4\nfinetuning")
"""A pre-training that is still going on whenever a test looks."""


def test_a_first_run_ends_in_a_report(bench: Bench, ran: Path, tmp_path: Path) -> None:
    rows = bench("results", "--json").json["cells"]
    assert Counter(row["experiment"] for row in rows) == {"exp-1": 4, "exp-3": 4, "floor": 4}
    assert all(row["state"] == "done" for row in rows)
    assert all(0 <= row["image_accuracy"] <= 1 for row in rows)
    page = (tmp_path / "mpcs-workspace/reports/tiny/report.html").read_text()
    assert "Ordered Pair" in page
    assert "not comparable with published values" in page


def test_running_again_runs_nothing_and_says_so(bench: Bench, ran: Path) -> None:
    again = bench("run", ran)
    assert again.code == 0
    assert "Nothing to run: all 14 stages are done" in again.err


def test_a_changed_fine_tuning_parameter_reruns_fine_tuning_only(bench: Bench, ran: Path) -> None:
    plan = bench("plan", ran, "--set", "finetuning.epochs=3", "--json").json
    by_kind = {
        kind: {stage["status"] for stage in plan["list"] if stage["kind"] == kind}
        for kind in ("pretrain", "finetune", "colour-floor")
    }
    assert by_kind == {"pretrain": {"done"}, "finetune": {"run"}, "colour-floor": {"done"}}
    reasons = {stage["reason"] for stage in plan["list"] if stage["kind"] == "finetune"}
    assert reasons == {"params changed: epochs"}

    rerun = bench("run", ran, "--set", "finetuning.epochs=3", "--json").json
    assert rerun["stages"]["ran"] == 8
    assert rerun["stages"]["already_done"] == 6


def test_two_workspaces_have_one_digest(bench: Bench, ran: Path, tmp_path: Path) -> None:
    assert bench("run", ran, "--workspace", "other", "--jobs", "1").code == 0
    first = bench("results", "--json").json["digest"]
    second = bench("results", "--json", "--workspace", "other").json["digest"]
    assert first == second


def test_stored_metrics_can_be_computed_again_in_sql(bench: Bench, ran: Path) -> None:
    query = """
        WITH image AS (
            SELECT cell_id, avg(cast(label = predicted AS int)) AS accuracy
            FROM predictions WHERE part = 'test' GROUP BY cell_id
        ), patient AS (
            SELECT cell_id, avg(share) AS accuracy FROM (
                SELECT cell_id, patient_id, avg(cast(label = predicted AS int)) AS share
                FROM predictions WHERE part = 'test' GROUP BY cell_id, patient_id
            ) GROUP BY cell_id
        )
        SELECT metrics.metric, max(abs(metrics.value - again.accuracy)) AS error, count(*) AS n
        FROM metrics
        JOIN (
            SELECT *, 'image_accuracy' AS metric FROM image
            UNION ALL SELECT *, 'patient_accuracy' FROM patient
        ) AS again USING (cell_id, metric)
        GROUP BY ALL ORDER BY 1
    """
    rows = bench("sql", query, "--json").json
    assert [(row["metric"], row["n"]) for row in rows] == [
        ("image_accuracy", 12),
        ("patient_accuracy", 12),
    ]
    assert all(row["error"] < 1e-12 for row in rows)


def test_workers_die_with_their_driver(start: Start, tiny_protocol: Write, tmp_path: Path) -> None:
    slow = tiny_protocol(LONG)
    process = start("run", slow)
    workers = _wait_for(lambda: _children(process.pid))
    os.kill(process.pid, signal.SIGKILL)  # the driver alone
    process.wait()
    assert _wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers))


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(
    bench: Bench, start: Start, tiny_protocol: Write
) -> None:
    slow = tiny_protocol(LONG)
    process = start("run", slow)
    _wait_for(lambda: _children(process.pid))
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "Interrupted. What was finished is kept" in err
    states = bench("sql", "SELECT DISTINCT state FROM stages ORDER BY 1", "--json").json
    assert {"state": "interrupted"} in states
    plan = bench("plan", slow, "--json").json
    assert "interrupted before" in {stage["reason"] for stage in plan["list"]}


def test_a_second_terminal_sees_cells_appear_while_a_run_goes_on(
    bench: Bench, start: Start, tiny_protocol: Write
) -> None:
    process = start("run", tiny_protocol(("epochs: 2", "epochs: 6")))
    query = (
        "SELECT state, count(*) AS n, count(value) AS scored FROM cells LEFT JOIN "
        "(SELECT cell_id, value FROM metrics WHERE metric = 'image_accuracy') USING (cell_id) "
        "GROUP BY state"
    )
    seen = []
    while process.poll() is None:
        asked = bench("sql", query, "--json")
        if asked.code == 0:
            seen.append({row["state"]: row["n"] for row in asked.json})
        time.sleep(0.05)
    _, err = process.communicate()
    assert process.returncode == 0, err
    done = [row.get("done", 0) for row in seen if row]
    assert done == sorted(done), "a cell that was done was not done later"
    assert any(0 < count < 12 for count in done), f"no query saw the run half way: {seen}"


def test_a_second_run_on_one_workspace_says_who_holds_it(
    bench: Bench, start: Start, tiny_protocol: Write
) -> None:
    slow = tiny_protocol(LONG)
    process = start("run", slow)
    _wait_for(lambda: _children(process.pid))
    second = bench("run", slow)
    assert second.code == 2
    assert f"process {process.pid}" in second.err


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(text) for text in path.read_text().split()] if path.exists() else []
    return [
        child for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def _wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def test_a_partial_run_leaves_the_table_whole(bench: Bench, ran: Path, tmp_path: Path) -> None:
    before = bench("results", "--json").json
    assert bench("run", ran, "--only", "fold=0").code == 0
    assert bench("results", "--json").json == before
    page = (tmp_path / "mpcs-workspace/reports/tiny/report.md").read_text()
    assert "12 of 12 cells" in page


def test_a_partial_run_trains_what_it_names_and_nothing_else(
    bench: Bench, tiny_protocol: Write
) -> None:
    path = tiny_protocol()
    done = bench("run", path, "--only", "fold=0,experiment=exp-1", "--json").json
    assert (done["cells"], done["stages"]["ran"]) == (2, 2)
    states = bench("sql", "SELECT state, count(*) AS n FROM cells GROUP BY 1", "--json").json
    assert {row["state"]: row["n"] for row in states} == {"done": 2, "planned": 10}


def test_fine_tuned_weights_are_kept_where_asked(
    bench: Bench, tiny_protocol: Write, tmp_path: Path
) -> None:
    path = tiny_protocol()
    only = ("--only", "fold=0,experiment=exp-1,train_magnification=100")
    assert bench("run", path, *only, "--workspace", "kept", "--keep-weights").code == 0
    assert len(list((tmp_path / "kept/results").glob("*/weights.safetensors"))) == 1
    assert bench("run", path, *only).code == 0
    late = bench("run", path, *only, "--set", "keep_weights=true")
    assert "finished without keeping its weights" in late.err


def test_what_a_plugin_prints_is_not_output(
    bench: Bench, tiny_protocol: Write, tmp_path: Path
) -> None:
    (tmp_path / "noisy.py").write_text(
        "import numpy as np\n"
        "from mpcs_bench.registry import PairStrategy\n"
        "print('imported')\n\n\n"
        "class Noisy(PairStrategy):\n"
        '    """Talks."""\n\n'
        "    name = 'noisy'\n"
        "    human_prior, degrees_of_freedom = 2, 0\n\n"
        "    def draw(self, sets, available, generator):\n"
        "        print('drawing')\n"
        "        return sets.view_plan(np.tile([0, 3], (len(sets), 1)), generator)\n"
    )
    path = tiny_protocol(("strategy: ordered", "strategy: noisy"))
    only = ("--only", "fold=0,experiment=exp-3,train_magnification=100")
    done = bench("run", path, "--plugin", "noisy.py", *only, "--json")
    assert done.code == 0, done.err
    assert done.json["stages"]["ran"] == 2
    assert "drawing" in done.err


def test_a_damaged_result_is_made_again(bench: Bench, ran: Path, tmp_path: Path) -> None:
    before = bench("results", "--json").json
    (tmp_path / "mpcs-workspace/bench.duckdb").unlink()
    key = before["cells"][0]["key"]
    (tmp_path / "mpcs-workspace/results" / key / "metrics.parquet").write_text("no table")
    plan = bench("plan", ran, "--json").json
    (again,) = [stage for stage in plan["list"] if stage["status"] == "run"]
    assert again["key"] == key
    assert again["reason"].startswith("its result is damaged")
    assert bench("run", ran).code == 0
    after = bench("results", "--json").json
    assert after["digest"] == before["digest"]


def test_the_report_says_what_was_changed_and_what_the_audit_found(
    bench: Bench, tiny_protocol: Write, tmp_path: Path
) -> None:
    path = tiny_protocol(
        ("  batch_size: 4\nexp", "  batch_size: 4\n  selection: {rule: test}\nexp")
    )
    only = ("--only", "fold=0,experiment=exp-1,train_magnification=100")
    assert bench("run", path, *only, "--set", "finetuning.epochs=1").code == 0
    for name in ("report.md", "report.html"):
        page = (tmp_path / "mpcs-workspace/reports/tiny" / name).read_text()
        assert "finetuning.epochs=1" in page
        assert "Leakage audit of tissue, test-selection (declared)" in page


def test_a_stage_that_runs_is_not_called_interrupted(
    bench: Bench, start: Start, tiny_protocol: Write
) -> None:
    slow = tiny_protocol(LONG)
    process = start("run", slow)
    _wait_for(lambda: _children(process.pid))
    reasons = _wait_for(
        lambda: {
            stage["reason"]
            for stage in bench("plan", slow, "--json").json["list"]
            if stage["reason"].startswith("running now")
        }
    )
    assert reasons
