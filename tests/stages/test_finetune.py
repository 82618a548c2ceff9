"""Fine-tuning as real small trainings: its predictions and metrics, and how it fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mpcs_bench.errors import StageError
from mpcs_bench.records import Result, read_result
from mpcs_bench.stages.classifying import class_weights
from mpcs_bench.stages.job import StageJob

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]
Pick = Callable[..., list[Any]]

STILL = {"name": "sgd", "learning_rate": 1e-30}


def same_bits(first: Result, second: Result) -> bool:
    """Say whether all tables, and the weights where there are any, agree to the last bit."""
    names = {n for n in first.manifest.files if n.endswith((".parquet", ".safetensors"))}
    assert len(names) >= 3
    return all(first.manifest.files[name] == second.manifest.files[name] for name in names)


# What it leaves


def test_every_test_image_at_the_test_magnification_is_predicted_once(
    make_job: JobMaker, run: Runner, tissue: Any
) -> None:
    result = run(make_job("finetune"))
    frame = tissue.index.frame
    rows = tissue.split.rows(0, "test")
    expected = frame.iloc[rows].query("magnification == 100").set_index("sample_id")
    predictions = result.predictions().to_pandas().set_index("sample_id")
    assert sorted(predictions.index) == sorted(expected.index)
    matched = expected.loc[predictions.index]
    assert (predictions["label"] == matched["label_index"]).all()
    assert (predictions["patient_id"] == matched["patient_id"]).all()
    assert (predictions["group_id"] == matched["group_patient"]).all()
    assert (predictions["pixel_hash"] == matched["pixel_hash"]).all()
    assert set(predictions["part"]) == {"test"}


def test_scores_and_decisions_follow_from_the_logits(make_job: JobMaker, run: Runner) -> None:
    predictions = run(make_job("finetune")).predictions().to_pandas()
    logits = np.stack(predictions["logits"]).astype(np.float64)
    expected = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    np.testing.assert_allclose(predictions["score"], expected, rtol=1e-12)
    assert (predictions["predicted"] == (predictions["score"] >= 0.5)).all()
    assert (predictions["threshold"] == 0.5).all()


def test_the_metrics_can_be_computed_again_from_the_predictions(
    make_job: JobMaker, run: Runner
) -> None:
    result = run(make_job("finetune"))
    predictions = result.predictions().to_pandas()
    right = predictions["label"] == predictions["predicted"]
    metrics = result.metrics().to_pandas().set_index("metric")
    assert metrics.loc["image_accuracy", "value"] == right.mean()
    per_patient = right.groupby(predictions["patient_id"]).mean()
    assert metrics.loc["patient_accuracy", "value"] == pytest.approx(per_patient.mean())
    assert metrics.loc["image_accuracy", "n"] == len(predictions)
    assert metrics.loc["patient_accuracy", "n"] == len(per_patient)


def test_training_is_at_one_magnification_and_testing_at_all_that_are_asked_for(
    make_job: JobMaker, run: Runner, pick: Pick
) -> None:
    result = run(make_job("finetune", test_magnifications=[40, 100, 400]))
    # two patients a class in each of two parts, of two and three images at 100X
    assert result.manifest.notes["images"] == {"train": 20, "validation": 0, "test": 30}
    found = pick(result.metrics(), "test_magnification", metric="image_accuracy")
    assert found == [40, 100, 400]
    assert pick(result.metrics(), "n", metric="image_accuracy") == [10, 10, 10]


def test_weights_are_kept_where_they_are_asked_for_and_fit_the_classifier(
    make_job: JobMaker, run: Runner
) -> None:
    without = run(make_job("finetune"))
    assert "weights.safetensors" not in without.manifest.files
    kept = run(make_job("finetune", workspace="two", job={"keep_weights": True}))
    weights = load_file(kept.file("weights.safetensors"))
    assert weights["linear.weight"].shape == (2, 96)
    for name in ("predictions.parquet", "metrics.parquet", "history.parquet"):
        assert kept.manifest.files[name] == without.manifest.files[name]


def test_kept_weights_give_the_stored_logits_again(
    make_job: JobMaker, run: Runner, tissue: Any
) -> None:
    import timm

    from mpcs_bench.data.working import working_frames
    from mpcs_bench.stages.models import Classifier

    result = run(make_job("finetune", job={"keep_weights": True}))
    model = Classifier(timm.create_model("test_resnet", num_classes=0), 2, dropout=0.0).eval()
    model.load_state_dict(load_file(result.file("weights.safetensors")))
    predictions = result.predictions().to_pandas()
    ids = tissue.index.text("sample_id").tolist()
    rows = np.array([ids.index(name) for name in predictions["sample_id"]])
    images = working_frames(tissue.index, None, tissue.cache).images(rows)[:, :, 4:36]
    config = model.encoder.pretrained_cfg
    normalised = (images / 255 - config["mean"]) / config["std"]
    with torch.inference_mode():
        logits = model(torch.from_numpy(normalised).float().permute(0, 3, 1, 2))
    stored = np.stack(predictions["logits"])
    np.testing.assert_allclose(logits.numpy(), stored, rtol=1e-4, atol=1e-5)


def test_it_learns(make_job: JobMaker, run: Runner, pick: Pick) -> None:
    result = run(make_job("finetune", epochs=40, batch_size=10))
    loss = pick(result.history(), "value", name="training_loss")
    assert np.mean(loss[-5:]) < 0.5 * loss[0]
    assert pick(result.metrics(), "value", metric="image_accuracy")[0] >= 0.8


# That it repeats


def test_the_same_job_in_two_workspaces_gives_the_same_bits(
    make_job: JobMaker, run: Runner
) -> None:
    keep = {"keep_weights": True}
    results = [run(make_job("finetune", workspace=name, job=keep)) for name in ("one", "two")]
    assert same_bits(*results)


@pytest.mark.parametrize("change", [{"seed": 1}, {"fold": 1}, {"dropout": 0.0}], ids=str)
def test_seed_fold_and_dropout_each_change_the_predictions(
    make_job: JobMaker, run: Runner, change: dict[str, Any]
) -> None:
    assert not same_bits(run(make_job("finetune")), run(make_job("finetune", **change)))


def test_a_replicate_feeds_no_seed(make_job: JobMaker, run: Runner) -> None:
    assert same_bits(run(make_job("finetune")), run(make_job("finetune", replicate=1)))


def test_a_second_epoch_draws_anew_and_a_longer_training_begins_alike(
    make_job: JobMaker, run: Runner, pick: Pick
) -> None:
    short = pick(run(make_job("finetune", epochs=2)).history(), "value", name="training_loss")
    longer = pick(run(make_job("finetune", epochs=4)).history(), "value", name="training_loss")
    assert longer[:2] == short


@pytest.mark.parametrize(("dropout", "differ"), [(0.5, True), (0.0, False)])
def test_dropout_is_drawn_anew_in_every_epoch(
    make_job: JobMaker, run: Runner, pick: Pick, dropout: float, differ: bool
) -> None:
    plain = {"input_size": [32, 32], "framing": "squash"}
    still = {"optimizer": STILL, "transform": plain, "batch_size": 20, "epochs": 2}
    history = run(make_job("finetune", dropout=dropout, **still)).history()
    first, second = pick(history, "value", name="training_loss")
    assert (abs(first - second) > 1e-3) == differ


# Settings that move numbers


def test_the_threshold_moves_decisions_and_no_logit(make_job: JobMaker, run: Runner) -> None:
    made = {
        threshold: run(make_job("finetune", threshold=threshold)).predictions().to_pandas()
        for threshold in (1e-6, 0.5, 1 - 1e-6)
    }
    assert (made[1e-6]["predicted"] == 1).all()
    assert (made[1 - 1e-6]["predicted"] == 0).all()
    for table in made.values():
        np.testing.assert_array_equal(np.stack(table["logits"]), np.stack(made[0.5]["logits"]))


def test_class_weights_are_inverse_to_counts_and_average_one_over_samples() -> None:
    labels = np.array([0] * 6 + [1] * 2 + [2] * 4)
    weights = class_weights(labels, 3, "balanced")
    assert weights is not None
    np.testing.assert_allclose(weights.numpy(), [12 / 18, 12 / 6, 12 / 12], rtol=1e-6)
    assert weights.numpy()[labels].mean() == pytest.approx(1)
    assert class_weights(labels, 3, "none") is None


def test_class_weights_change_a_training_on_unequal_classes(
    make_job: JobMaker, run: Runner
) -> None:
    plain, balanced = (run(make_job("finetune", class_weights=w)) for w in ("none", "balanced"))
    assert not same_bits(plain, balanced)


def test_a_smaller_label_fraction_trains_on_fewer_images(make_job: JobMaker, run: Runner) -> None:
    result = run(make_job("finetune", label_fraction=0.25))
    assert result.manifest.notes["images"] == {"train": 5, "validation": 0, "test": 10}


def test_a_batch_larger_than_the_training_part_is_recorded(make_job: JobMaker, run: Runner) -> None:
    large, exact = (run(make_job("finetune", batch_size=size)) for size in (512, 20))
    assert large.manifest.notes["effective_batch"] == 20
    assert same_bits(large, exact)


def test_half_precision_trains_on_the_cpu(make_job: JobMaker, run: Runner, pick: Pick) -> None:
    results = [run(make_job("finetune", precision=name)) for name in ("fp32", "bf16")]
    full, half = (pick(result.history(), "value", name="training_loss") for result in results)
    assert full != half
    assert half[0] == pytest.approx(full[0], rel=0.2)


def test_a_data_set_of_several_classes_in_patches_votes_over_its_patches(
    make_job: JobMaker, run: Runner, patched: Any, pick: Pick
) -> None:
    whole = {"train_magnification": None, "test_magnifications": []}
    size = TRANSFORM | {"input_size": [16, 16]}
    result = run(make_job("finetune", data=patched, transform=size, **whole))
    predictions = result.predictions().to_pandas()
    assert len(predictions) == 6 * 4
    assert predictions["score"].isna().all()
    assert predictions["threshold"].isna().all()
    assert np.stack(predictions["logits"]).shape == (24, 3)
    metrics = result.metrics().to_pandas().set_index("metric")
    assert metrics.loc["patch_accuracy", "n"] == 24
    assert metrics.loc["image_accuracy", "n"] == 6
    assert "patient_accuracy" not in metrics.index
    assert (metrics["test_magnification"] == 0).all()
    right = (predictions["label"] == predictions["predicted"]).mean()
    assert metrics.loc["patch_accuracy", "value"] == right


TRANSFORM: dict[str, Any] = {"framing": "squash", "test_framing": "squash"}


# How it fails


@pytest.mark.parametrize("selection", [{"rule": "last"}, {"rule": "validation"}], ids=str)
def test_a_learning_rate_that_diverges_is_an_error_with_stage_and_epoch(
    make_job: JobMaker, run: Runner, selection: dict[str, str]
) -> None:
    wild = {"name": "sgd", "learning_rate": 1e30}
    job = make_job("finetune", optimizer=wild, selection=selection)
    with pytest.raises(StageError, match=r"finetune/test: the training loss is .* in epoch 0"):
        run(job)
    assert not list(job.results.glob("*"))


def test_predictions_that_are_not_finite_are_an_error_and_no_decision(
    make_job: JobMaker, run: Runner
) -> None:
    wild = {"name": "sgd", "learning_rate": 1e38, "momentum": 0.0}
    job = make_job("finetune", optimizer=wild, epochs=1, batch_size=512)
    with pytest.raises(StageError, match="the predictions on the test part are not finite"):
        run(job)
    assert not list(job.results.glob("*"))


def test_a_failed_job_leaves_an_earlier_result_alone(make_job: JobMaker, run: Runner) -> None:
    good = make_job("finetune")
    before = run(good).manifest
    with pytest.raises(StageError):
        run(make_job("finetune", optimizer={"name": "sgd", "learning_rate": 1e30}))
    assert read_result(good.results / good.key).manifest == before
    assert math.isfinite(before.timings["seconds"])
