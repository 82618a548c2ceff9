"""Prediction: one record a sample, the same whatever goes through the network at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import timm
import torch

from mpcs_bench.data.frames import Frames
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.registry.encoder import Preprocessing
from mpcs_bench.stages import predict
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.predict import PredictionRecorder, Predictor

CPU = torch.device("cpu")
PLAIN = Preprocessing((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))


def predictor(count: int = 9, **transform: Any) -> Predictor:
    torch.manual_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 40, 3), dtype=np.uint8)
    settings = Transform.model_validate({"input_size": [24, 24]} | transform)
    model = timm.create_model("test_resnet", num_classes=2)
    frames = Frames(
        images.reshape(-1), (40, 32), np.arange(count) * images[0].size, np.full(count, 3 * 40)
    )
    return Predictor(model, WorkingImages(frames, PLAIN, CPU), settings, CPU, "fp32")


@pytest.mark.parametrize("framing", ["squash", "centre-crop", "whole"])
def test_logits_follow_the_rows_asked_for(framing: str) -> None:
    network = predictor(test_framing=framing)
    everything = network.logits(np.arange(9))
    assert everything.dtype == np.float32
    some = network.logits(np.array([7, 2, 2]))
    np.testing.assert_allclose(some, everything[[7, 2, 2]], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["BATCH", "BATCH_PIXELS"])
def test_logits_do_not_depend_on_how_many_go_at_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = predictor(test_framing="whole")
    at_once = network.logits(np.arange(9))
    monkeypatch.setattr(predict, name, {"BATCH": 2, "BATCH_PIXELS": 3 * 40 * 32}[name])
    np.testing.assert_allclose(network.logits(np.arange(9)), at_once, rtol=1e-4, atol=1e-6)


def test_an_image_larger_than_the_most_pixels_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    network = predictor(test_framing="whole")
    monkeypatch.setattr(predict, "BATCH_PIXELS", 1)
    assert network.logits(np.arange(3)).shape == (3, 2)


def test_predicting_leaves_batch_norm_as_it_was() -> None:
    network = predictor()
    before = {n: v.clone() for n, v in network.model.state_dict().items()}
    network.model.train()
    network.logits(np.arange(9))
    assert all(torch.equal(v, before[n]) for n, v in network.model.state_dict().items())


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, 1), (0.51, 0), (0.49, 1)])
def test_a_score_that_reaches_the_threshold_is_positive(
    tissue: Any, threshold: float, expected: int
) -> None:
    recorder = PredictionRecorder(tissue.index, "patient", threshold)
    (record,) = recorder.records(np.array([3]), np.zeros((1, 2), dtype=np.float32), "test")
    assert record["score"] == 0.5
    assert record["predicted"] == expected


def test_without_a_threshold_the_largest_logit_decides_and_there_is_no_score(tissue: Any) -> None:
    recorder = PredictionRecorder(tissue.index, "patient", None)
    logits = np.array([[0.0, 2, 1], [3, 3, 0]], dtype=np.float32)
    records = recorder.records(np.array([0, 1]), logits, "test")
    assert [record["predicted"] for record in records] == [1, 0]
    assert [record["score"] for record in records] == [None, None]


def test_a_record_says_whose_image_it_was(tissue: Any) -> None:
    recorder = PredictionRecorder(tissue.index, "case", 0.5)
    (record,) = recorder.records(np.array([5]), np.zeros((1, 2), dtype=np.float32), "validation")
    row = tissue.index.frame.iloc[5]
    for name in ("sample_id", "pixel_hash", "image_id", "patient_id", "magnification"):
        assert record[name] == row[name]
    assert record["label"] == row["label_index"]
    assert record["group_id"] == row["group_case"]
    assert record["part"] == "validation"


def test_huge_logits_do_not_overflow(tissue: Any) -> None:
    recorder = PredictionRecorder(tissue.index, "patient", 0.5)
    logits = np.array([[3e38, -3e38], [-3e38, 3e38]], dtype=np.float32)
    records = recorder.records(np.array([0, 1]), logits, "test")
    assert [record["score"] for record in records] == [0.0, 1.0]
