"""A small fabricated result, for the tests of the format."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpcs_bench.records import (
    ResultSpec,
    ResultTables,
    history_table,
    metrics_table,
    predictions_table,
    write_result,
)


def spec_of(key="0a1b2c", **changes):
    given = {
        "key": key,
        "kind": "finetune",
        "symbolic": "quickstart/baseline/fold=0",
        "stage_version": 1,
        "spec": {"learning_rate": 2e-5, "batch_size": 32},
        "axes": {"dataset": "breakhis", "fold": 0, "strategy": "none"},
    }
    return ResultSpec(**(given | changes))


def prediction(**changes):
    return {
        "part": "test",
        "sample_id": "a",
        "pixel_hash": "f00",
        "image_id": "a",
        "patient_id": "ductal-1",
        "group_id": "1",
        "magnification": 40,
        "patch_index": 0,
        "label": 1,
        "predicted": 1,
        "score": 0.75,
        "logits": [1.0986123],
        "threshold": 0.5,
    } | changes


def tables_of(value=0.875):
    return ResultTables(
        metrics=metrics_table(
            [
                {
                    "part": "test",
                    "test_magnification": 40,
                    "metric": "image_accuracy",
                    "value": value,
                    "n": 8,
                }
            ]
        ),
        history=history_table([{"epoch": 1, "name": "loss", "value": 0.5}]),
        predictions=predictions_table([prediction(), prediction(sample_id="b", label=0)]),
    )


@pytest.fixture
def make_spec():
    return spec_of


@pytest.fixture
def make_prediction():
    return prediction


@pytest.fixture
def make_tables():
    return tables_of


@pytest.fixture
def results(tmp_path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def written(results) -> Path:
    return write_result(
        results,
        spec_of(),
        tables_of(),
        files={"weights.safetensors": b"\0" * 64},
        environment={"torch": "2.11"},
        timings={"seconds": 1.5},
        notes={"effective_batch": 30},
    )
