"""Both encoders at their full input sizes: one real step of pre-training and one of fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from mpcs_bench.records import Result
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.models import projection_head

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]
Pick = Callable[..., list[Any]]

SIZES = {"resnet50": 224, "efficientnet-b2": 341}
HEADS = {"resnet50": (2048, [1024, 128]), "efficientnet-b2": (1408, [2048, 1204, 128])}
PARAMS = {"resnet50": {"output_stride": 8}, "efficientnet-b2": {}}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50", "efficientnet-b2"])
def test_one_step_of_each_at_the_papers_size(
    name: str,
    make_job: JobMaker,
    run: Runner,
    pick: Pick,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    side = SIZES[name]
    transform = {"input_size": [side, side], "flip": {}, "colour": {"brightness": 0.1, "p": 1.0}}
    heads: list[Any] = []

    def watched(features: int, widths: tuple[int, ...], settings: Any) -> Any:
        heads.append((features, list(widths)))
        return projection_head(features, widths, settings)

    monkeypatch.setattr("mpcs_bench.stages.pretrain.projection_head", watched)
    # Only a few sets and images, so that an epoch is one step.
    few = {"parts": ["label"], "batch_size": 64}
    pretraining = make_job(
        "pretrain",
        encoder=name,
        encoder_params=PARAMS[name],
        transform=transform,
        head={"widths": None},
        loss={"plugin": "nt-xent", "params": {"temperature": 0.01}},
        optimizer={"name": "lars" if name == "resnet50" else "adam", "learning_rate": 1e-5},
        epochs=1,
        **few,
    )
    pretrained = run(pretraining)

    assert heads == [HEADS[name]]
    (loss,) = pick(pretrained.history(), "value", name="contrastive_loss")
    assert np.isfinite(loss)
    assert loss > 0

    finetuning = make_job(
        "finetune",
        encoder=name,
        encoder_params=PARAMS[name],
        transform=transform | {"input_size": [224, 224]},
        optimizer={"name": "adam", "learning_rate": 2e-5},
        epochs=1,
        job={"upstream_key": pretraining.key, "keep_weights": True},
        **few,
    )
    tuned = run(finetuning)

    assert len(tuned.predictions()) == 10
    before = load_file(pretraining.results / pretraining.key / "weights.safetensors")
    after = load_file(finetuning.results / finetuning.key / "weights.safetensors")
    moved = [
        float(np.abs(after[f"encoder.{key}"] - value).max())
        for key, value in before.items()
        if value.ndim == 4
    ]
    assert min(moved) > 0, "all layers are trained"
    assert max(moved) < 1e-3, "by one step of Adam"
