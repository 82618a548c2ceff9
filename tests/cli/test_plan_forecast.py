"""`plan --calibrate`: what is measured, kept, printed, and left unknown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., Any]
Write = Callable[..., Path]

FAULTY = '''\
"""Encoders that cannot be measured."""

import os

from mpcs_bench.registry import Encoder, Preprocessing


class Faulty(Encoder):
    """Raises, or takes its process along."""

    name = "faulty"
    preprocessing = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

    def build(self):
        """Fail."""
        print("this is no JSON")
        {failure}

    def projection_head(self, features):
        """Return any widths."""
        return (8, 8)
'''


def test_a_plan_is_forecast_from_steps_that_were_timed_once(
    bench: Bench, tiny_protocol: Write, tmp_path: Path
) -> None:
    path = tiny_protocol()
    before = bench("plan", path, "--json")
    assert before.code == 0, before.err
    unknown = before.json["forecast"]
    assert unknown["hours"]["total"] is None
    assert len(unknown["unknown"]) == 4
    assert all("--calibrate" in item["why"] for item in unknown["unknown"])
    assert {"cells", "stages", "list", "cell_list"} <= before.json.keys()

    measured = bench("plan", path, "--calibrate", "--json")
    assert measured.code == 0, measured.err
    known = measured.json["forecast"]
    hours = known["hours"]
    assert hours["total"] == pytest.approx(sum(hours["by_kind"].values()))
    assert 0 < hours["total"] < 1
    assert hours["wall"] > 0
    assert known["unknown"] == known["rests_on_declared_counts"] == []
    assert known["memory_bytes"] > 10_000_000
    assert known["disk_bytes"]["weights"] == 2 * 1_499_192
    assert known["device"]["calibrated"] is not None

    kept = (tmp_path / "mpcs-workspace/calibration.json").read_bytes()
    again = bench("plan", path, "--calibrate")
    assert again.code == 0, again.err
    assert "measuring" not in again.err
    assert (tmp_path / "mpcs-workspace/calibration.json").read_bytes() == kept
    for words in ("Forecast for", "Memory: up to", "Disk: weights 3 MB", "an extrapolation"):
        assert words in again.out
    assert bench("plan", path, "--json").json["forecast"]["hours"] == hours


def test_it_is_forecast_without_data(bench: Bench, tiny_protocol: Write) -> None:
    path = tiny_protocol(("folds: 3", "folds: 5"))
    plan = bench("plan", path, "--data", "tissue=/no/such/folder", "--json")
    assert plan.code == 0, plan.err
    forecast = plan.json["forecast"]
    assert len(forecast["rests_on_declared_counts"]) == plan.json["stages"]["total"] == 14
    shown = bench("plan", path, "--data", "tissue=/no/such/folder")
    assert "14 stages rest on the counts that their data sets declare" in shown.out
    assert "run `mpcs-bench plan --calibrate`" in shown.out


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        ('raise ValueError("no such layer")', "ValueError: no such layer"),
        pytest.param("os._exit(3)", "its process was killed", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_measured_is_said_and_the_rest_is_measured(
    bench: Bench, tiny_protocol: Write, tmp_path: Path, failure: str, why: str
) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY.replace("{failure}", failure))
    only = ("  exp-3: {label: Ordered Pair}\n", "")
    path = tiny_protocol(("encoder: timm/test_resnet", "encoder: faulty"), only)
    done = bench("plan", path, "--plugin", "faulty.py", "--calibrate", "--json")
    assert done.code == 0, done.err
    forecast = done.json["forecast"]
    assert forecast["hours"]["by_kind"]["finetune"] is None
    assert forecast["hours"]["by_kind"]["colour-floor"] is not None
    assert {item["what"].split()[0] for item in forecast["unknown"]} == {
        "train-classifier",
        "evaluate",
    }
    assert all(why in item["why"] for item in forecast["unknown"])


def test_a_damaged_calibration_says_how_to_mend_it(bench: Bench, tiny_protocol: Write) -> None:
    path = tiny_protocol()
    workspace = path.parent / "mpcs-workspace"
    workspace.mkdir()
    (workspace / "calibration.json").write_text(json.dumps({"format": 1}))
    done = bench("plan", path)
    assert done.code == 2
    assert "calibration.json" in done.err
    assert "--calibrate" in done.err
