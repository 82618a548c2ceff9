"""A training that is left and gone on with ends with the same bits as one that never was."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mpcs_bench.records import Result, check_result, read_result
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import StageJob, Tick
from mpcs_bench.stages.watch import StageInterrupted, Watch

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]

COSINE = {"name": "lars", "learning_rate": 0.5, "schedule": "cosine", "warmup": 0.3}
RESTLESS = {"name": "adamw", "learning_rate": 0.03, "weight_decay": 0.01}
SELECTION = {"rule": "validation", "metric": "loss", "patience": 1}
KEEP = {"keep_weights": True}
HALF = {"precision": "bf16", "loss": "predictor", "plugin_files": ("losses.py",)}

TRAININGS: dict[str, tuple[str, dict[str, Any]]] = {
    "pretrain with LARS": ("pretrain", {"optimizer": COSINE, "strategy": "ordered"}),
    "pretrain in half precision, a loss that learns": ("pretrain", HALF),
    "pretrain with a loss that remembers": (
        "pretrain",
        {"loss": "queue", "plugin_files": ("losses.py",), "batch_size": 5},
    ),
    "finetune, the last epoch": ("finetune", {"dropout": 0.5, "job": KEEP}),
    "finetune, the best epoch": (
        "finetune",
        {"selection": SELECTION, "epochs": 6, "optimizer": RESTLESS, "dropout": 0.5, "job": KEEP},
    ),
    "finetune, selected on test": (
        "finetune",
        {"selection": {"rule": "test", "metric": "patient_accuracy"}, "class_weights": "balanced"},
    ),
    "linear": ("linear", {"dropout": 0.5, "epochs": 2, "batch_size": 7}),
    "linear, the best epoch": ("linear", {"selection": SELECTION, "dropout": 0.5, "epochs": 3}),
}


def leave_after(steps: int, job: StageJob) -> Watch:
    """Return a watch that asks a training to leave once it has gone so many steps further."""
    seen: list[Tick] = []
    goes_on = job.checkpoints.exists()  # then the first tick says where it begins

    def gone() -> bool:
        places = {(tick.done, tick.step) for tick in seen if tick.step}
        return len(places) - goes_on >= steps

    return Watch(seen.append, gone)


def quiet() -> Watch:
    return Watch(lambda _tick: None)


def scramble() -> None:
    """Leave the process as another stage would."""
    torch.manual_seed(7)
    torch.rand(13)
    torch.set_num_threads(2)


def whole_of(job: StageJob) -> Result:
    execute(job, quiet())
    return result_of(job)


def pieces(job: StageJob, steps: int = 1) -> int:
    """Run a job, leaving after every so many steps; return how often it was left."""
    for left in range(1000):
        scramble()
        try:
            execute(job, leave_after(steps, job))
        except StageInterrupted:
            continue
        return left
    raise AssertionError("it never ended")


def result_of(job: StageJob) -> Result:
    assert check_result(job.results / job.key) == []
    return read_result(job.results / job.key)


def assert_same(resumed: Result, whole: Result) -> None:
    """Every file, so every table and weight, agrees to the last bit; so do the notes."""
    assert dict(resumed.manifest.files) == dict(whole.manifest.files)
    aside = ("pid", "resumed", "checkpoints")
    notes = [
        {name: value for name, value in result.manifest.notes.items() if name not in aside}
        for result in (resumed, whole)
    ]
    assert notes[0] == notes[1]


@pytest.mark.parametrize("name", TRAININGS)
def test_left_after_every_step_it_ends_with_the_same_bits(make_job: JobMaker, name: str) -> None:
    kind, changes = TRAININGS[name]
    whole = whole_of(make_job(kind, workspace="whole", **changes))
    job = make_job(kind, workspace="pieces", **changes)

    left = pieces(job)

    resumed = result_of(job)
    assert_same(resumed, whole)
    assert left > 2
    assert len(resumed.manifest.notes["resumed"]) == left


@pytest.mark.parametrize("steps", [2, 3, 4])
def test_one_interruption_anywhere_changes_nothing(make_job: JobMaker, steps: int) -> None:
    whole = whole_of(make_job("pretrain", workspace="whole"))
    job = make_job("pretrain", workspace="pieces")
    with pytest.raises(StageInterrupted) as left:
        execute(job, leave_after(steps, job))
    assert left.value.total == 2
    assert left.value.done == (steps > 3)  # of the three steps of an epoch
    scramble()
    execute(job, quiet())
    assert_same(result_of(job), whole)


def test_another_process_goes_on(make_job: JobMaker, run: Runner) -> None:
    changes = TRAININGS["finetune, the best epoch"][1]
    whole = whole_of(make_job("finetune", workspace="whole", **changes))
    job = make_job("finetune", workspace="pieces", **changes)
    with pytest.raises(StageInterrupted):
        execute(job, leave_after(4, job))
    code = (
        "from mpcs_bench.stages.job import StageJob;"
        "from mpcs_bench.stages.watch import Watch;"
        "from mpcs_bench.stages.execute import execute;"
        f"execute({job!r}, Watch(lambda tick: None))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert_same(result_of(job), whole)


@pytest.mark.parametrize("kind", ["pretrain", "finetune", "linear"])
def test_left_while_it_predicts_it_trains_no_further(
    make_job: JobMaker, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("mpcs_bench.stages.predict.BATCH", 4)
    selection = {} if kind == "pretrain" else {"selection": {"rule": "test"}}
    whole = whole_of(make_job(kind, workspace="whole", epochs=2, **selection))
    job = make_job(kind, workspace="pieces", epochs=2, **selection)
    places: list[tuple[int, int]] = []
    ended = Watch(lambda tick: places.append((tick.done, tick.step)), lambda: places[-1] == (2, 0))
    if kind == "linear":  # it predicts from features, all at once: there is nothing to leave
        execute(job, ended)
    else:
        with pytest.raises(StageInterrupted):
            execute(job, ended)
        again: list[Tick] = []
        execute(job, Watch(again.append))
        assert {tick.done for tick in again} == {2}
        assert result_of(job).manifest.notes["resumed"][0]["epoch"] == 2
    assert_same(result_of(job), whole)


def test_left_while_it_looks_at_the_part_that_selects(
    make_job: JobMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mpcs_bench.stages.predict.BATCH", 3)
    changes = {"selection": {"rule": "test", "metric": "loss"}, "epochs": 3, "optimizer": RESTLESS}
    whole = whole_of(make_job("finetune", workspace="whole", **changes))
    job = make_job("finetune", workspace="pieces", **changes)
    places: list[tuple[int, int]] = []
    looking = Watch(lambda t: places.append((t.done, t.step)), lambda: places.count((1, 3)) > 2)
    with pytest.raises(StageInterrupted):
        execute(job, looking)
    execute(job, quiet())
    assert (
        result_of(job).manifest.notes["resumed"][0] | {"epoch": 1, "step": 3}
        == (result_of(job).manifest.notes["resumed"][0])
    )
    assert_same(result_of(job), whole)


def test_left_while_it_encodes_it_begins_again(
    make_job: JobMaker, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mpcs_bench.stages.predict.BATCH", 4)
    job = make_job("linear", epochs=7)
    with pytest.raises(StageInterrupted) as left:
        execute(job, Watch(lambda _tick: None, lambda: True))
    assert (left.value.done, left.value.total) == (0, 7)
    assert not job.checkpoints.exists()
    assert "resumed" not in run(job).manifest.notes


def test_progress_begins_where_it_went_on(make_job: JobMaker) -> None:
    job = make_job("pretrain", epochs=3)
    with pytest.raises(StageInterrupted):
        execute(job, leave_after(4, job))
    ticks: list[Tick] = []
    execute(job, Watch(ticks.append))
    assert ticks[0] == Tick(1, 3, 26, 1, 3)  # 20 images an epoch, three steps
    assert ticks[-1] == Tick(3, 3, 60, 0, 3)


def test_the_times_of_all_attempts_are_counted(make_job: JobMaker) -> None:
    job = make_job("pretrain")

    def slow(tick: Tick) -> None:
        time.sleep(0.4 if (tick.done, tick.step) == (0, 2) else 0)

    ticks: list[Tick] = []
    with pytest.raises(StageInterrupted):
        execute(job, Watch(lambda t: (ticks.append(t), slow(t))[0], lambda: len(ticks) > 2))
    begun = time.perf_counter()
    timings = execute(job, quiet())
    last = time.perf_counter() - begun
    assert timings["seconds"] > 0.4
    assert timings["seconds"] > last - 0.3  # writing the result is in neither
    assert timings["images_per_second"] < 40 / 0.4
    assert result_of(job).manifest.timings == timings


def test_the_notes_say_from_where_and_when(make_job: JobMaker) -> None:
    job = make_job("finetune", epochs=2)
    for steps in (2, 1):
        with pytest.raises(StageInterrupted):
            execute(job, leave_after(steps, job))
    execute(job, quiet())
    resumed = result_of(job).manifest.notes["resumed"]
    assert [(entry["epoch"], entry["step"]) for entry in resumed] == [(0, 2), (0, 3)]
    moments = [moment for entry in resumed for moment in (entry["written"], entry["at"])]
    assert moments == sorted(moments)


def test_an_uninterrupted_stage_says_nothing_of_it_and_leaves_no_folder(
    make_job: JobMaker, run: Runner
) -> None:
    job = make_job("finetune")
    notes = run(job).manifest.notes
    assert not {"resumed", "checkpoints"} & set(notes)
    assert not job.checkpoints.exists()


def test_a_checkpoint_is_written_by_time_and_two_are_kept(make_job: JobMaker) -> None:
    job = make_job("pretrain")
    found: list[int] = []

    def look(_tick: Tick) -> None:
        found.append(len(list(job.checkpoints.glob("*"))) if job.checkpoints.exists() else 0)

    execute(job, Watch(look, checkpoint_seconds=0))
    assert found[:4] == [0, 1, 2, 2]
    assert max(found) == 2
    assert not job.checkpoints.exists()
    assert_same(result_of(job), whole_of(make_job("pretrain", workspace="whole")))


def test_none_is_written_before_its_time(make_job: JobMaker) -> None:
    job = make_job("pretrain")
    seen: list[Path] = []
    execute(job, Watch(lambda _tick: seen.extend(job.checkpoints.glob("*"))))
    assert seen == []


def test_a_failed_stage_keeps_its_checkpoints(make_job: JobMaker) -> None:
    job = make_job("pretrain")
    ticks: list[Tick] = []

    def fail(tick: Tick) -> None:
        ticks.append(tick)
        if len(ticks) == 4:
            raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        execute(job, Watch(fail, checkpoint_seconds=0))
    again: list[Tick] = []
    execute(job, Watch(again.append))
    assert (again[0].done, again[0].step) == (0, 3)
