"""Executing a job: what the manifest says of it, and inputs that are not what was planned."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch

from mpcs_bench.data.splits import SplitTable
from mpcs_bench.environment import describe
from mpcs_bench.errors import DataError, SplitError
from mpcs_bench.records import Result
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import STAGE_VERSIONS, StageJob, Tick
from mpcs_bench.stages.watch import Watch

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]


@pytest.mark.parametrize("kind", ["pretrain", "finetune", "colour-floor"])
def test_a_result_says_what_it_was_made_from_and_with(
    make_job: JobMaker, run: Runner, kind: str
) -> None:
    job = make_job(kind, job={"hashed": {"kind": kind, "deep": [1, {"a": None}]}})
    result = run(job)
    assert result.spec.key == job.key
    assert result.spec.kind == kind
    assert result.spec.stage_version == STAGE_VERSIONS[kind]
    assert result.spec.spec == job.hashed
    environment = result.manifest.environment
    assert environment["device"] == "cpu"
    assert environment["threads"] == 1
    assert environment["deterministic"] is True
    assert environment["packages"]["torch"].startswith(torch.__version__.partition("+")[0])
    timings = result.manifest.timings
    assert set(timings) == {"seconds", "open_seconds", "images_per_second", "cpu_seconds"}
    assert all(value > 0 for value in timings.values())


@pytest.mark.parametrize("kind", ["pretrain", "finetune", "colour-floor"])
def test_a_stage_inherits_neither_threads_nor_kernels_from_what_ran_before(
    make_job: JobMaker, run: Runner, kind: str
) -> None:
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(False)
    environment = run(make_job(kind)).manifest.environment
    assert (environment["threads"], environment["deterministic"]) == (1, True)
    assert torch.get_num_threads() == 1


def test_each_result_records_the_settings_it_ran_under(make_job: JobMaker, run: Runner) -> None:
    jobs = [make_job("finetune", deterministic=asked) for asked in (True, False)]
    recorded = [run(job).manifest.environment["deterministic"] for job in jobs]
    assert recorded == [True, False]


def test_the_environment_is_plain_values() -> None:
    import json

    assert json.loads(json.dumps(describe("cpu"))) == describe("cpu")


def test_progress_counts_epochs_steps_and_images(make_job: JobMaker) -> None:
    ticks: list[Tick] = []
    execute(make_job("finetune", epochs=2, batch_size=8), Watch(ticks.append))
    # 20 images: batches of 8, 8 and 4
    first = [Tick(0, 2, 6, 1, 3), Tick(0, 2, 13, 2, 3), Tick(0, 2, 20, 3, 3), Tick(1, 2, 20, 0, 3)]
    second = [Tick(1, 2, 26, 1, 3), Tick(1, 2, 33, 2, 3), Tick(1, 2, 40, 3, 3)]
    assert ticks[:7] == first + second
    assert set(ticks[7:]) == {Tick(2, 2, 40, 0, 3)}
    ticks.clear()
    execute(make_job("pretrain", epochs=2), Watch(ticks.append))
    assert [tick.images for tick in ticks if tick.steps and not tick.step][:2] == [20, 40]


def test_encoding_and_predicting_are_seen_to_go_on(make_job: JobMaker, monkeypatch: Any) -> None:
    """A stage that says nothing for long is taken for dead."""
    monkeypatch.setattr("mpcs_bench.stages.predict.BATCH", 4)
    said: dict[str, int] = {}
    for kind in ("pretrain", "finetune", "linear"):
        ticks: list[Tick] = []
        execute(make_job(kind, epochs=1), Watch(ticks.append))
        quiet = [tick for tick in ticks if tick.done == 1 or tick.steps == 0]
        said[kind] = len(quiet)
    # the test part has 40 images, 10 of them at 100X; linear encodes 10 of each of three parts
    assert said == {"pretrain": 11, "finetune": 4, "linear": 10}


def test_a_job_survives_being_carried_as_plain_values(make_job: JobMaker, run: Runner) -> None:
    job = make_job("finetune")
    carried = json.loads(json.dumps(asdict(job)))
    carried["plugin_files"] = tuple(carried["plugin_files"])
    assert run(StageJob(**carried)).key == job.key


def test_an_index_that_is_gone_is_named(make_job: JobMaker, run: Runner) -> None:
    job = replace(make_job("finetune"), fingerprint="0" * 64)
    with pytest.raises(DataError, match="sample index is missing or damaged"):
        run(job)


def test_a_split_of_another_data_set_is_refused(
    make_job: JobMaker, run: Runner, tissue: Any, patched: Any
) -> None:
    foreign: SplitTable = patched.split
    foreign.write(tissue.cache)
    with pytest.raises(SplitError, match="not of this sample index"):
        run(replace(make_job("finetune"), split_hash=foreign.hash))


def test_an_interrupted_stage_leaves_nothing(make_job: JobMaker) -> None:
    job = make_job("finetune", epochs=3)

    def interrupt(tick: Tick) -> None:
        if tick.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(job, Watch(interrupt))
    assert not job.results.exists() or not list(job.results.iterdir())


def test_working_images_of_another_size_are_made_and_used(
    make_job: JobMaker, run: Runner, tissue: Any
) -> None:
    small = run(make_job("finetune", job={"image_size": (36, 34)}))
    own = run(make_job("finetune", workspace="two"))
    logits = [np.stack(r.predictions().to_pandas()["logits"]) for r in (small, own)]
    assert not np.array_equal(*logits)
