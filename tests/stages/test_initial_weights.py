"""Where a training starts from: equal in every arm, a file, or the stage before it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file

from mpcs_bench.errors import WeightsError
from mpcs_bench.records import Result
from mpcs_bench.stages.job import StageJob

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]

STILL = {"name": "sgd", "learning_rate": 1e-30}


def encoder_weights(result: Result) -> dict[str, torch.Tensor]:
    """Trained tensors of the encoder, whichever stage left them; not batch norm's statistics."""
    loaded: dict[str, torch.Tensor] = load_file(result.file("weights.safetensors"))
    names = {name: name.removeprefix("encoder.") for name in loaded if "linear" not in name}
    return {
        short: loaded[name]
        for name, short in names.items()
        if not short.endswith(("running_mean", "running_var", "num_batches_tracked"))
    }


def equal_weights(first: Result, second: Result) -> bool:
    """Say whether all weights agree; a step of STILL leaves 1e-30 where a weight is zero."""
    one, two = encoder_weights(first), encoder_weights(second)
    same = [torch.allclose(one[name], two[name], rtol=0, atol=1e-20) for name in one]
    return one.keys() == two.keys() and all(same)


def test_baseline_and_pretraining_start_from_identical_weights(
    make_job: JobMaker, run: Runner
) -> None:
    baseline = run(make_job("finetune", optimizer=STILL, job={"keep_weights": True}))
    pretraining = run(make_job("pretrain", optimizer=STILL, epochs=1))
    other = run(make_job("pretrain", optimizer=STILL, epochs=1, seed=1))
    assert equal_weights(baseline, pretraining)
    assert not equal_weights(baseline, other)


def test_finetuning_starts_from_the_pretraining_before_it(make_job: JobMaker, run: Runner) -> None:
    pretraining = make_job("pretrain")
    source = run(pretraining)
    job = {"upstream_key": pretraining.key, "keep_weights": True}
    assert equal_weights(run(make_job("finetune", optimizer=STILL, job=job)), source)


def test_a_pretraining_that_is_gone_is_named(make_job: JobMaker, run: Runner) -> None:
    job = make_job("finetune", job={"upstream_key": "feedbeef"})
    with pytest.raises(WeightsError, match=r"feedbeef.weights\.safetensors"):
        run(job)


def test_pretraining_starts_from_the_file_of_its_initial_weights(
    make_job: JobMaker, run: Runner
) -> None:
    source = run(make_job("pretrain"))
    given = {"weights_file": str(source.file("weights.safetensors"))}
    started = run(make_job("pretrain", job=given, workspace="two", optimizer=STILL, epochs=1))
    assert equal_weights(started, source)


def test_initial_weights_that_are_gone_are_named(make_job: JobMaker, run: Runner) -> None:
    job = make_job("pretrain", job={"weights_file": "/nowhere/resnet.safetensors"})
    with pytest.raises(WeightsError, match=r"no weight file /nowhere/resnet\.safetensors"):
        run(job)
