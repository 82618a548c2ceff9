"""A training in bf16 ends where one in fp32 does, as far as seeds let one tell."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from mpcs_bench.records import Result
from mpcs_bench.stages.job import StageJob

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]

SEEDS = range(10)
TASK: dict[str, Any] = {
    "train_magnification": None,
    "test_magnifications": [40, 100, 200, 400],
    "epochs": 4,
    "optimizer": {"name": "adam", "learning_rate": 1e-3},
}


def test_loss(result: Result) -> float:
    """Return the mean cross-entropy of the predictions on the test part."""
    predictions = result.predictions().to_pandas()
    logits = np.stack(predictions["logits"]).astype(np.float64)
    exact = np.logaddexp.reduce(logits, axis=1)
    return float((exact - logits[np.arange(len(logits)), predictions["label"]]).mean())


test_loss.__test__ = False  # type: ignore[attr-defined]


def apart(one: Sequence[float], other: Sequence[float]) -> float:
    """Return how far two means lie apart, in standard deviations between the seeds of an arm.

    Ten seeds of arms that do not differ lie within 1 in all but 2.5 % of cases: that is 2.2
    standard errors of the difference.
    """
    spread = statistics.mean([statistics.variance(one), statistics.variance(other)]) ** 0.5
    return abs(statistics.mean(other) - statistics.mean(one)) / spread


@pytest.mark.slow
def test_bf16_ends_within_the_spread_of_seeds_and_a_worse_training_does_not(
    make_job: JobMaker, run: Runner
) -> None:
    def losses(**changes: Any) -> list[float]:
        jobs = [make_job("finetune", seed=seed, **(TASK | changes)) for seed in SEEDS]
        return [test_loss(run(job)) for job in jobs]

    full, half = losses(), losses(precision="bf16")
    worse = losses(optimizer={"name": "adam", "learning_rate": 5e-5})

    assert statistics.mean(full) < 0.5  # it has learnt something: chance is 0.69
    assert full != half
    assert apart(full, half) < 1
    assert apart(full, worse) > 1
