"""What differs between a stored result and its rerun, on results that are on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpcs_bench.check.drift import drift
from mpcs_bench.records import (
    Result,
    ResultSpec,
    ResultTables,
    metrics_table,
    read_result,
    write_result,
)

NAN = float("nan")


def _result(folder: Path, metrics: dict[str, float]) -> Result:
    rows = [
        {"part": "test", "test_magnification": 40, "metric": name, "value": value, "n": 5}
        for name, value in metrics.items()
    ]
    spec = ResultSpec("key", "finetune", "a/cell", 1, spec={}, axes={"fold": 0})
    written = write_result(folder, spec, ResultTables(metrics=metrics_table(rows)), environment={})
    return read_result(written)


@pytest.mark.parametrize(
    ("again", "differences", "alone"),
    [
        ({"accuracy": 0.8, "f1": NAN}, {}, ()),
        ({"accuracy": 0.7, "f1": NAN}, {"accuracy (test, 40X)": pytest.approx(-0.1)}, ()),
        ({"accuracy": 0.8}, {}, ("f1 (test, 40X)",)),
        ({"accuracy": 0.8, "f1": NAN, "auc": 0.9}, {}, ("auc (test, 40X)",)),
        ({"accuracy": NAN, "f1": 0.5}, {}, ("accuracy (test, 40X)", "f1 (test, 40X)")),
    ],
)
def test_a_metric_that_one_side_lacks_is_named(
    tmp_path: Path, again: dict[str, float], differences: dict[str, float], alone: tuple[str, ...]
) -> None:
    stored = _result(tmp_path / "stored", {"accuracy": 0.8, "f1": NAN})
    found = drift(stored, _result(tmp_path / "again", again))
    assert (found.metrics, found.metrics_alone) == (differences, alone)
    assert found.equal == (again.keys() == {"accuracy", "f1"} and not differences and not alone)
