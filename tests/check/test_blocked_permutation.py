"""The test of samples: exact, and right as often as it says."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from mpcs_bench.check.baseline import Series
from mpcs_bench.check.blocked_permutation import Sample, blocked_shift
from mpcs_bench.stats import holm


def _sample(rows: list[list[float]]) -> dict[str, dict[str, float]]:
    return {f"fold {i}": {f"seed {j}": v for j, v in enumerate(r)} for i, r in enumerate(rows)}


def test_three_folds_of_three_seeds_reach_one_in_eight_thousand() -> None:
    shift = blocked_shift(_sample([[0.9, 0.91, 0.92]] * 3), _sample([[0.5, 0.51, 0.52]] * 3))
    assert shift is not None
    assert shift.difference == pytest.approx(-0.4)
    assert shift.p == shift.smallest_p == pytest.approx(1 / 20**3)


def test_p_is_the_share_of_divisions_counted_by_hand() -> None:
    old, new = [0.7, 0.9, 0.8], [0.75, 0.6]
    values = old + new
    means = [
        np.mean(chosen) - (sum(values) - sum(chosen)) / 3 for chosen in combinations(values, 2)
    ]
    observed = np.mean(new) - np.mean(old)
    shift = blocked_shift(_sample([old]), _sample([new]))
    assert shift is not None
    assert shift.p == pytest.approx(np.mean(np.array(means) <= observed + 1e-12))
    assert shift.smallest_p == pytest.approx(1 / 10)


def test_folds_may_lie_apart_without_hiding_a_loss() -> None:
    before = _sample([[0.90, 0.91, 0.92], [0.50, 0.51, 0.52], [0.70, 0.71, 0.72]])
    after = {
        fold: {seed: value - 0.03 for seed, value in seeds.items()}
        for fold, seeds in before.items()
    }
    shift = blocked_shift(before, after)
    assert shift is not None and shift.p < 0.001


def test_better_is_no_alarm_and_two_sided_is() -> None:
    before, after = _sample([[0.5, 0.51, 0.52]] * 3), _sample([[0.9, 0.91, 0.92]] * 3)
    one, two = blocked_shift(before, after), blocked_shift(before, after, two_sided=True)
    assert one is not None and one.p == 1
    assert two is not None and two.p == two.smallest_p == pytest.approx(2 / 20**3)


def test_no_common_fold_gives_no_test() -> None:
    assert blocked_shift({"fold 0": {"seed 0": 0.9}}, {"fold 1": {"seed 0": 0.9}}) is None


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), min_size=1, max_size=3))
def test_equal_samples_never_raise_an_alarm(rows: list[list[float]]) -> None:
    sample = _sample(rows)
    shift = blocked_shift(sample, sample)
    assert shift is not None
    # As many divisions lie below zero as above it.
    assert shift.p >= 0.5


def test_many_values_are_drawn_and_reach_what_was_drawn() -> None:
    before = _sample([[0.9 + 0.001 * i for i in range(12)]] * 3)
    after = _sample([[0.5 + 0.001 * i for i in range(12)]] * 3)
    shift = blocked_shift(before, after)
    assert shift is not None and shift.p == shift.smallest_p == pytest.approx(1 / 100_000)


def _clean(rng: np.random.Generator, folds: np.ndarray) -> list[Sample]:
    """Four metrics that go together, as those of one run do."""
    run = rng.normal(0, 0.03, (len(folds), 3))
    return [
        _sample(
            [
                [float(folds[i] + run[i, j] + rng.normal(0, 0.01)) for j in range(3)]
                for i in range(len(folds))
            ]
        )
        for _ in range(4)
    ]


def test_simulated_clean_runs_raise_no_more_alarms_than_stated() -> None:
    rng = np.random.default_rng(0)
    runs, alarms = 400, 0
    for _ in range(runs):
        folds = rng.normal(0.8, 0.08, 3)
        before, after = _clean(rng, folds), _clean(rng, folds)
        shifts = [blocked_shift(b, a) for b, a in zip(before, after, strict=True)]
        adjusted = holm([shift.p for shift in shifts if shift])
        alarms += min(p for p in adjusted if p is not None) <= 0.05
    assert alarms <= binom.ppf(0.999, runs, 0.05)


def test_a_series_says_which_way_is_worse() -> None:
    series = Series(subject="a", what="last loss", better="either", values={})
    assert Series.model_validate_json(series.model_dump_json()) == series
