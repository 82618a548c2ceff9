"""Pre-training as real small trainings: what it leaves, that it repeats, and how it fails."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mpcs_bench.errors import DataError, PluginError, StageError
from mpcs_bench.records import Result
from mpcs_bench.stages.job import StageJob

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]
Pick = Callable[..., list[Any]]

SETS = 10  # in the ssl part of a fold: two patients a class of two and three images


def weights_of(result: Result) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = load_file(result.file("weights.safetensors"))
    return loaded


def same_bits(first: Result, second: Result) -> bool:
    """Say whether weights and history of two results agree to the last bit."""
    files = ("weights.safetensors", "history.parquet")
    return all(first.manifest.files[name] == second.manifest.files[name] for name in files)


def left_behind(job: StageJob) -> list[str]:
    return sorted(path.name for path in job.results.glob("*")) if job.results.exists() else []


# What it leaves


def test_it_leaves_the_encoder_and_a_history_and_nothing_else(
    make_job: JobMaker, run: Runner, pick: Pick
) -> None:
    result = run(make_job("pretrain", epochs=3))
    import timm

    timm.create_model("test_resnet", num_classes=0).load_state_dict(weights_of(result))
    assert pick(result.history(), "name", epoch=2) == [
        "contrastive_loss",
        "pair_accuracy",
        "learning_rate",
    ]
    assert pick(result.history(), "epoch", name="contrastive_loss") == [0, 1, 2]
    assert result.metrics().num_rows == 0
    assert result.predictions().num_rows == 0


def test_the_manifest_says_which_sets_took_part(make_job: JobMaker, run: Runner) -> None:
    notes = run(make_job("pretrain")).manifest.notes
    assert notes["sets"]["sets"] == SETS
    assert notes["sets"]["eligible"] == SETS
    assert len(notes["sets"]["patients"]) == 4


def test_a_batch_larger_than_the_number_of_sets_is_one_of_all_and_is_recorded(
    make_job: JobMaker, run: Runner
) -> None:
    result = run(make_job("pretrain", batch_size=1024))
    assert result.manifest.notes["effective_batch"] == SETS
    exact = run(make_job("pretrain", batch_size=SETS))
    assert same_bits(result, exact)


def test_the_learning_rate_warms_up_and_falls_as_a_cosine(
    make_job: JobMaker, run: Runner, pick: Pick
) -> None:
    optimizer = {
        "name": "lars",
        "learning_rate": 1.0,
        "schedule": "cosine",
        "warmup": 0.5,
    }
    job = make_job("pretrain", optimizer=optimizer, epochs=8, batch_size=SETS)
    rates = pick(run(job).history(), "value", name="learning_rate")
    half = [0.5 * (1 + math.cos(math.pi * step / 4)) for step in range(4)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0, *half])


def test_the_working_images_are_read_and_never_written(
    make_job: JobMaker, run: Runner, tissue: Any
) -> None:
    def digests() -> dict[str, str]:
        files = sorted(Path(tissue.cache).rglob("*.npy"))
        return {str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    run(make_job("pretrain"))
    before = digests()
    run(make_job("pretrain", seed=1))
    assert digests() == before


# That it learns


def test_contrastive_loss_falls_and_pairs_find_each_other(
    make_job: JobMaker, run: Runner, pick: Pick
) -> None:
    history = run(make_job("pretrain", epochs=30, batch_size=SETS)).history()
    loss = pick(history, "value", name="contrastive_loss")
    accuracy = pick(history, "value", name="pair_accuracy")
    assert np.mean(loss[-5:]) < 0.5 * np.mean(loss[:5])
    assert np.mean(accuracy[:2]) < 0.6
    assert np.mean(accuracy[-5:]) > 0.8


# That it repeats


def test_the_same_job_in_two_workspaces_and_processes_gives_the_same_bits(
    make_job: JobMaker, run: Runner
) -> None:
    first = make_job("pretrain", workspace="one")
    again = make_job("pretrain", workspace="two")
    elsewhere = make_job("pretrain", workspace="three")
    results = [run(first), run(again)]
    code = (
        "import sys; from mpcs_bench.stages.job import StageJob;"
        "from mpcs_bench.stages.execute import execute;"
        "from mpcs_bench.stages.watch import Watch;"
        f"execute({elsewhere!r}, Watch(lambda tick: None))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    from mpcs_bench.records import read_result

    results.append(read_result(elsewhere.results / elsewhere.key))
    assert same_bits(results[0], results[1])
    assert same_bits(results[0], results[2])


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"fold": 1}, {"strategy": "fixed"}, {"strategy": "ordered"}],
    ids=str,
)
def test_seed_fold_and_strategy_each_give_other_weights(
    make_job: JobMaker, run: Runner, change: dict[str, Any]
) -> None:
    assert not same_bits(run(make_job("pretrain")), run(make_job("pretrain", **change)))


def test_a_replicate_feeds_no_seed(make_job: JobMaker, run: Runner) -> None:
    assert same_bits(run(make_job("pretrain")), run(make_job("pretrain", replicate=1)))


def test_a_loss_that_draws_and_learns_repeats_too(make_job: JobMaker, run: Runner) -> None:
    jobs = [
        make_job("pretrain", loss="predictor", plugin_files=("losses.py",), workspace=name)
        for name in ("one", "two")
    ]
    assert same_bits(run(jobs[0]), run(jobs[1]))


@pytest.mark.parametrize("loss", ["nt-xent", "predictor"])
def test_half_precision_trains_on_the_cpu(
    make_job: JobMaker, run: Runner, pick: Pick, loss: str
) -> None:
    settings = {"loss": loss, "plugin_files": ("losses.py",), "batch_size": SETS, "epochs": 2}
    half = run(make_job("pretrain", precision="bf16", **settings))
    full = run(make_job("pretrain", **settings))
    losses = [pick(result.history(), "value", name="contrastive_loss") for result in (half, full)]
    assert losses[0][0] == pytest.approx(losses[1][0], rel=0.1, abs=0.05)
    assert losses[0] != losses[1]
    assert all(value.dtype != torch.bfloat16 for value in weights_of(half).values())


# How it fails


def test_a_learning_rate_that_diverges_is_an_error_with_stage_and_epoch(
    make_job: JobMaker, run: Runner
) -> None:
    job = make_job("pretrain", optimizer={"name": "sgd", "learning_rate": 1e30}, epochs=4)
    with pytest.raises(StageError, match=r"pretrain/test: the contrastive loss is .* in epoch 0"):
        run(job)
    assert left_behind(job) == []


def test_weights_broken_by_the_very_last_step_are_an_error_too(
    make_job: JobMaker, run: Runner
) -> None:
    job = make_job(
        "pretrain",
        optimizer={"name": "sgd", "learning_rate": 1e30, "momentum": 0.0},
        loss={"plugin": "nt-xent", "params": {"temperature": 1e-9}},
        epochs=1,
        batch_size=SETS,
    )
    with pytest.raises(StageError, match="not finite after the last epoch"):
        run(job)
    assert left_behind(job) == []


def test_a_loss_that_turns_nan_is_an_error_with_its_epoch(make_job: JobMaker, run: Runner) -> None:
    job = make_job(
        "pretrain", loss="not-a-number", plugin_files=("losses.py",), batch_size=SETS, epochs=9
    )
    with pytest.raises(StageError, match="contrastive loss is nan in epoch 2") as error:
        run(job)
    assert "learning_rate" in (error.value.hint or "")
    assert left_behind(job) == []


def test_a_loss_that_is_no_single_number_is_an_error(make_job: JobMaker, run: Runner) -> None:
    job = make_job("pretrain", loss="per-pair", plugin_files=("losses.py",))
    with pytest.raises(StageError, match=r"pretrain/test: the loss gave \[4\], not one number"):
        run(job)


def test_a_strategy_that_cuts_boxes_trains(make_job: JobMaker, run: Runner) -> None:
    quarters = run(make_job("pretrain", strategy="quarters", plugin_files=("strategies.py",)))
    whole = run(
        make_job("pretrain", strategy={"plugin": "fixed", "params": {"magnifications": [40, 100]}})
    )
    assert not same_bits(quarters, whole)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("one-view", r"drew rows int64\[10, 1\], not int64 \[10, 2\]"),
        ("foreign-rows", r"drew row \d+ for a set that does not hold it"),
        ("beyond-rows", r"drew row 10\d+ for a set that does not hold it"),
        ("fractional-rows", r"drew rows float64\[10, 2\], not int64 \[10, 2\]"),
        ("tuples", "drew a tuple, not a ViewPlan"),
        ("empty-boxes", r"drew the box \[0.0, 0.0, 0.0, 0.0\], which is empty"),
        ("pixel-boxes", r"drew the box \[0.0, 0.0, 20.0, 16.0\], which .* leaves the image"),
        ("nan-boxes", r"drew the box \[nan, nan, nan, nan\]"),
        ("flat-boxes", r"drew boxes float64\[10, 4\], not float64 \[10, 2, 4\]"),
    ],
)
def test_a_strategy_that_breaks_its_contract_is_named(
    make_job: JobMaker, run: Runner, strategy: str, message: str
) -> None:
    job = make_job("pretrain", strategy=strategy, plugin_files=("strategies.py",))
    with pytest.raises(StageError, match=f"The pair strategy '{strategy}' {message}"):
        run(job)
    assert left_behind(job) == []


def test_too_few_sets_are_an_error_before_any_training(make_job: JobMaker, run: Runner) -> None:
    fixed = {"plugin": "fixed", "params": {"magnifications": [40, 100]}}
    job = make_job("pretrain", strategy=fixed, magnifications=[40, 400])
    with pytest.raises((DataError, PluginError), match="100X"):
        run(job)


def test_a_plugin_edited_after_planning_is_not_run_under_the_planned_key(
    make_job: JobMaker, run: Runner, tmp_path: Path
) -> None:
    file = tmp_path / "own_loss.py"
    source = (Path(__file__).parent / "plugin_files/losses.py").read_text()
    file.write_text(source)
    job = make_job("pretrain", loss="predictor", plugin_files=(str(file),))
    file.write_text(source.replace("0.2", "0.3"))
    with pytest.raises(PluginError, match="has changed since the plan was made"):
        run(job)
