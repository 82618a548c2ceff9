"""The rules of the three tables."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from mpcs_bench.errors import StoreError
from mpcs_bench.records import ResultTables, history_table, metrics_table, predictions_table

METRIC = {"part": "test", "test_magnification": 40, "metric": "f1", "value": 0.5, "n": 4}


def test_columns_come_in_any_order_and_of_any_fitting_type():
    table = pa.table(
        {
            "n": pa.array([4], pa.int16()),
            "value": pa.array([0.5], pa.float32()),
            "metric": pa.array(["f1"]).dictionary_encode(),
            "test_magnification": pa.array([40], pa.int64()),
            "part": pa.array(["test"], pa.large_string()),
        }
    )

    assert ResultTables(metrics=table).validated().metrics.equals(metrics_table([METRIC]))


def test_a_value_may_be_nan():
    table = metrics_table([METRIC | {"value": math.nan}])

    assert math.isnan(ResultTables(metrics=table).validated().metrics["value"][0].as_py())


def test_score_and_threshold_may_be_empty(make_prediction):
    table = predictions_table([make_prediction(score=None, threshold=None, logits=[0.1, 2.0, 1.0])])

    assert ResultTables(predictions=table).validated().predictions["score"].null_count == 1


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            lambda: ResultTables(metrics=metrics_table([METRIC]).drop_columns(["n"])),
            "'metrics' lacks the column 'n'",
        ),
        (
            lambda: ResultTables(history=history_table([]).append_column("lr", pa.array([]))),
            "'history' has an unknown column 'lr'",
        ),
        (
            lambda: ResultTables(metrics=metrics_table([METRIC | {"part": None}])),
            "'part' of table 'metrics' has 1 empty values",
        ),
        (
            lambda: ResultTables(
                metrics=metrics_table([METRIC]).set_column(4, "n", pa.array(["many"]))
            ),
            "'n' of table 'metrics' must be int64",
        ),
        (
            lambda: ResultTables(metrics=metrics_table([METRIC, METRIC | {"value": 0.6}])),
            "2 rows for part=test, test_magnification=40, metric=f1",
        ),
        (
            lambda: metrics_table([METRIC | {"accuracy": 1.0}]),
            "unknown column 'accuracy'",
        ),
        (
            lambda: metrics_table([METRIC | {"n": "many"}]),
            "does not fit the table 'metrics'",
        ),
    ],
)
def test_a_table_that_breaks_a_rule_is_refused(tables, message):
    with pytest.raises(StoreError, match=message):
        made = tables()
        made.validated()


def test_a_sample_is_predicted_once_in_a_part(make_prediction):
    rows = [make_prediction(), make_prediction(predicted=0), make_prediction(part="validation")]

    with pytest.raises(StoreError, match="2 rows for part=test, sample_id=a"):
        ResultTables(predictions=predictions_table(rows)).validated()
