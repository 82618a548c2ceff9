"""Training with torch.compile: paid once a shape, and nothing else of a stage changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch._dynamo.utils import counters
from torch._functorch import config
from torch.autograd.graph import saved_tensors_hooks

from mpcs_bench.errors import StageError
from mpcs_bench.records import Result
from mpcs_bench.stages import attempt
from mpcs_bench.stages.compiling import Network, forget, network
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import StageJob, Tick
from mpcs_bench.stages.watch import StageInterrupted, Watch

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]
Pick = Callable[..., list[Any]]

PLAIN = {"encoder": "plain", "plugin_files": ("plain.py",)}
COMPILED = PLAIN | {"compile": "default"}
BUDGET = 0.3


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """Begin and end without what another test compiled."""
    forget()
    yield
    forget()


def graphs() -> int:
    return int(counters["stats"]["unique_graphs"])


def files(result: Result) -> dict[str, str]:
    return dict(result.manifest.files)


@pytest.mark.slow
def test_a_second_cell_of_one_shape_compiles_nothing_and_ends_as_in_a_cold_worker(
    make_job: JobMaker, run: Runner
) -> None:
    first = make_job("finetune", seed=0, fold=0, **COMPILED)
    # Another fold and other labels: as many whole batches, and a last one of another size.
    changes = {"seed": 1, "fold": 1, "label_fraction": 0.75}
    keep = {"keep_weights": True}
    warm = make_job("finetune", workspace="warm", job=keep, **changes, **COMPILED)
    cold = make_job("finetune", workspace="cold", job=keep, **changes, **COMPILED)
    before = graphs()

    run(first)
    compiled = graphs() - before
    second = run(warm)
    again = graphs() - before - compiled
    forget()
    alone = run(cold)

    assert compiled > 0
    assert again == 0
    assert files(second) == files(alone)


@pytest.mark.slow
def test_compiled_it_trains_as_uncompiled_and_leaves_the_same_names(
    make_job: JobMaker, run: Runner, pick: Pick
) -> None:
    changes = {
        "dropout": 0.0,
        "optimizer": {"name": "sgd", "learning_rate": 0.01},
        "job": {"keep_weights": True, "attention_images": 1},
    }
    off = make_job("finetune", workspace="off", **changes, **PLAIN)
    on = make_job("finetune", workspace="on", **changes, **COMPILED)
    results = [run(off), run(on)]
    losses = [pick(result.history(), "value", name="training_loss") for result in results]
    weights = [load_file(job.results / job.key / "weights.safetensors") for job in (off, on)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert list(weights[0]) == list(weights[1])
    assert files(results[0]).keys() == files(results[1]).keys()
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-2, atol=1e-3)


@pytest.mark.slow
def test_a_compiled_training_that_is_left_ends_with_the_same_bits(
    make_job: JobMaker, run: Runner
) -> None:
    changes = {"dropout": 0.5, "job": {"keep_weights": True}, **COMPILED}
    whole = run(make_job("finetune", workspace="whole", **changes))
    job = make_job("finetune", workspace="pieces", **changes)
    ticks: list[Tick] = []
    with pytest.raises(StageInterrupted):
        execute(job, Watch(ticks.append, lambda: bool(ticks) and ticks[-1].step == 2))
    assert files(run_again(job)) == files(whole)


def run_again(job: StageJob) -> Result:
    from mpcs_bench.records import read_result

    execute(job, Watch(lambda _tick: None))
    return read_result(job.results / job.key)


@pytest.mark.slow
def test_a_pretraining_compiles_once_for_two_seeds(make_job: JobMaker, run: Runner) -> None:
    before = graphs()
    run(make_job("pretrain", seed=0, **COMPILED))
    compiled = graphs() - before
    run(make_job("pretrain", seed=1, **COMPILED))
    assert graphs() - before == compiled > 0


@pytest.mark.slow
def test_stages_of_two_kinds_in_turns_and_folds_of_two_sizes_compile_each_shape_once(
    make_job: JobMaker, run: Runner
) -> None:
    def shapes(seed: int, workspace: str = "warm") -> Iterator[StageJob]:
        where = {"seed": seed, "workspace": workspace, "job": {"keep_weights": True}} | COMPILED
        for batch in (4, 5):
            yield make_job("pretrain", batch_size=batch, **where)
            yield make_job("finetune", batch_size=2 * batch, **where)

    before = graphs()
    for job in shapes(0):
        run(job)
    compiled = graphs() - before
    warm = [files(run(job)) for job in shapes(1)]
    again = graphs() - before - compiled
    cold = []
    for job in shapes(1, "cold"):
        forget()
        cold.append(files(run(job)))

    assert (compiled, again) == (4, 0)
    assert warm == cold


def trained(job: StageJob, images: torch.Tensor) -> tuple[int, list[float], Network[nn.Module]]:
    """Take three steps of a small network; return the bytes kept by the last, and the losses."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs in (3, 16, 16, 16, 16):
        layers += [nn.Conv2d(inputs, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()]
    built = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    made = network(built, job, len(images))
    optimizer = torch.optim.SGD(made.module.parameters(), lr=0.1)
    kept, losses = 0, []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += tensor.untyped_storage().nbytes()
        return tensor

    for _ in range(3):
        kept = 0
        optimizer.zero_grad()
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = made(images).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return kept, losses, made


@pytest.mark.slow
def test_a_memory_budget_keeps_less_and_changes_neither_losses_nor_batch_norms(
    make_job: JobMaker,
) -> None:
    images = torch.randn(16, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    jobs = [
        make_job("pretrain", compile="default", activation_memory_budget=share)
        for share in (1.0, BUDGET)
    ]
    (all_of_it, losses, whole), (less, others, small) = (trained(job, images) for job in jobs)

    assert less < 0.7 * all_of_it
    assert others == pytest.approx(losses, rel=1e-5)
    # What is computed again is not counted again: the statistics are those of the whole batch.
    for one, other in zip(whole.module.modules(), small.module.modules(), strict=True):
        if isinstance(one, nn.BatchNorm2d) and isinstance(other, nn.BatchNorm2d):
            assert one.num_batches_tracked == other.num_batches_tracked == 3
            assert one.running_var is not None and other.running_var is not None
            torch.testing.assert_close(one.running_var, other.running_var, rtol=1e-4, atol=1e-6)
    assert config.activation_memory_budget == 1


@pytest.mark.slow
def test_a_budget_is_not_that_of_the_next_job(make_job: JobMaker) -> None:
    images = torch.randn(16, 3, 24, 24)
    small = make_job("pretrain", compile="default", activation_memory_budget=BUDGET)
    whole = make_job("pretrain", compile="default")
    less = trained(small, images)[0]
    assert trained(whole, images)[0] > less


@pytest.mark.slow
def test_while_it_compiles_a_stage_reports(
    make_job: JobMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "TELL_SECONDS", 0.02)
    told: list[tuple[float, Tick]] = []
    execute(make_job("finetune", **COMPILED), Watch(lambda t: told.append((time.monotonic(), t))))
    waits = [tick for _, tick in told if (tick.done, tick.step) == (0, 0)]
    assert len(waits) > 2


def test_without_a_compiler_the_error_says_what_to_install(
    make_job: JobMaker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(StageError, match=r"apt install g\+\+, or set CXX") as caught:
        execute(make_job("finetune", **COMPILED), Watch(lambda _tick: None))
    assert caught.value.hint == "Install it, or set `compile: off`."


def test_off_is_the_module_itself(make_job: JobMaker) -> None:
    module = nn.Linear(2, 2)
    assert network(module, make_job("finetune"), 4) == Network(module)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
def test_on_a_gpu_two_cells_share_what_is_compiled_and_train_as_without(
    make_job: JobMaker, run: Runner, pick: Pick, kind: str, mode: str
) -> None:
    changes = PLAIN | {"optimizer": {"name": "sgd", "learning_rate": 0.01}}
    changes |= {"dropout": 0.0} if kind == "finetune" else {}

    def job(workspace: str, seed: int, compiled: str) -> StageJob:
        made = make_job(kind, workspace=workspace, seed=seed, compile=compiled, **changes)
        return replace(made, device="cuda")

    before = graphs()
    run(job("first", 0, mode))
    compiled = graphs() - before
    warm = run(job("warm", 1, mode))
    assert graphs() - before == compiled > 0
    forget()
    assert files(run(job("cold", 1, mode))) == files(warm)
    name = "training_loss" if kind == "finetune" else "contrastive_loss"
    losses = [
        pick(result.history(), "value", name=name) for result in (warm, run(job("off", 1, "off")))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
