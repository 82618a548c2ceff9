"""Which epoch a fine-tuning keeps, by what, and that it says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from mpcs_bench.records import Result, read_result
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.watch import Watch

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]
Pick = Callable[..., list[Any]]

RESTLESS = {"name": "adam", "learning_rate": 0.03}  # the last epoch is seldom the best


def test_without_selection_the_last_epoch_is_kept_and_nothing_is_looked_at(
    make_job: JobMaker, run: Runner, pick: Pick
) -> None:
    result = run(make_job("finetune"))
    assert "selected_epoch" not in result.manifest.notes
    assert set(pick(result.history(), "name")) == {"training_loss", "learning_rate"}


@pytest.mark.parametrize("rule", ["validation", "test"])
@pytest.mark.parametrize("metric", ["loss", "image_accuracy", "patient_accuracy"])
def test_a_selection_keeps_the_best_epoch_and_notes_it(
    make_job: JobMaker, run: Runner, pick: Pick, rule: str, metric: str
) -> None:
    selection = {"rule": rule, "metric": metric}
    result = run(make_job("finetune", selection=selection, epochs=6, optimizer=RESTLESS))
    seen = pick(result.history(), "value", name=f"{rule}_{metric}")
    assert len(seen) == 6
    best = int(np.argmin(seen) if metric == "loss" else np.argmax(seen))
    assert result.manifest.notes["selected_epoch"] == best
    # the predictions are the kept epoch's: the same number comes out of them
    frame = result.predictions().to_pandas().query("part == @rule")
    if metric == "loss":
        logits = torch.from_numpy(np.stack(frame["logits"]))
        again = torch.nn.functional.cross_entropy(logits, torch.tensor(frame["label"].to_list()))
        assert float(again) == pytest.approx(seen[best], rel=1e-6)
    else:
        assert pick(result.metrics(), "value", metric=metric, part=rule) == [seen[best]]


def test_the_validation_part_is_predicted_and_shares_no_patient_with_any_other(
    make_job: JobMaker, run: Runner, tissue: Any
) -> None:
    result = run(make_job("finetune", selection={"rule": "validation"}))
    assert result.manifest.notes["images"] == {"train": 15, "validation": 5, "test": 10}
    frame = result.predictions().to_pandas()
    validation = set(frame.query("part == 'validation'")["patient_id"])
    test = set(frame.query("part == 'test'")["patient_id"])
    assert len(validation) == 2
    assert not validation & test


def test_selection_on_test_is_at_least_as_good_as_the_last_epoch(
    make_job: JobMaker, run: Runner, pick: Pick
) -> None:
    common = {"epochs": 8, "optimizer": RESTLESS}
    last = run(make_job("finetune", **common))
    best = run(
        make_job("finetune", selection={"rule": "test", "metric": "image_accuracy"}, **common)
    )
    accuracies = [pick(r.metrics(), "value", metric="image_accuracy")[0] for r in (last, best)]
    assert accuracies[1] >= accuracies[0]


def test_looking_at_the_selecting_part_changes_nothing_in_training(
    make_job: JobMaker, run: Runner, pick: Pick
) -> None:
    losses = [
        pick(
            run(make_job("finetune", selection={"rule": rule})).history(),
            "value",
            name="training_loss",
        )
        for rule in ("last", "test")
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("patience", [1, 2])
def test_patience_stops_after_so_many_epochs_without_a_better_one(
    make_job: JobMaker, pick: Pick, patience: int
) -> None:
    selection = {"rule": "test", "metric": "loss", "patience": patience}
    job = make_job("finetune", selection=selection, epochs=12, optimizer=RESTLESS)
    execute(job, Watch(lambda _tick: None))
    result = read_result(job.results / job.key)

    seen = pick(result.history(), "value", name="test_loss")
    best = int(np.argmin(seen))
    assert len(seen) < 12
    assert result.manifest.notes["stopped_after_epoch"] == len(seen) - 1
    assert len(seen) - 1 - best == patience
    assert result.manifest.notes["selected_epoch"] == best


def test_patience_without_a_part_to_look_at_never_stops(make_job: JobMaker, run: Runner) -> None:
    result = run(make_job("finetune", selection={"rule": "last", "patience": 1}, epochs=3))
    assert "stopped_after_epoch" not in result.manifest.notes
