"""The test of samples: exact, and right as often as it says."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

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


def _noise(rng: np.random.Generator, folds: int) -> Sample:
    return _sample(rng.normal(0.8, 0.05, (folds, 3)).tolist())


def _within(count: int, runs: int, rate: float) -> bool:
    """Whether a rate gives such a count, but for one simulation in a thousand."""
    low, high = binom.interval(0.999, runs, rate)
    return bool(low <= count <= high)


@pytest.mark.parametrize("two_sided", [False, True])
def test_one_series_raises_as_many_false_alarms_as_stated(two_sided: bool) -> None:
    """20 of the 400 divisions of two folds are as far out as p = 0.05: the rate is exact."""
    rng = np.random.default_rng(1)
    runs = 4000
    shifts = [
        blocked_shift(_noise(rng, 2), _noise(rng, 2), two_sided=two_sided) for _ in range(runs)
    ]
    assert _within(sum(shift.p <= 0.05 for shift in shifts if shift), runs, 0.05)


def _alarms(pairs: Iterable[list[tuple[Sample, Sample]]]) -> int:
    alarms = 0
    for series in pairs:
        shifts = [blocked_shift(before, after) for before, after in series]
        adjusted = holm([shift.p for shift in shifts if shift])
        alarms += min(p for p in adjusted if p is not None) <= 0.05
    return alarms


def test_four_independent_series_raise_as_many_together() -> None:
    """Each is held to 5 of 400 divisions: 1 - (1 - 0.0125) ** 4."""
    rng = np.random.default_rng(2)
    pairs = ([(_noise(rng, 2), _noise(rng, 2)) for _ in range(4)] for _ in range(1500))
    assert _within(_alarms(pairs), 1500, 1 - (1 - 0.0125) ** 4)


def test_series_that_go_together_raise_fewer() -> None:
    """Metrics of one run differ by little: about half as many alarms as of independent ones."""
    rng = np.random.default_rng(0)

    def metrics(folds: NDArray[np.float64]) -> list[Sample]:
        run = folds[:, None] + rng.normal(0, 0.03, (folds.size, 3))
        return [_sample((run + rng.normal(0, 0.01, run.shape)).tolist()) for _ in range(4)]

    pairs = []
    for _ in range(800):
        folds = rng.normal(0.8, 0.08, 3)
        pairs.append(list(zip(metrics(folds), metrics(folds), strict=True)))
    assert _alarms(pairs) <= binom.ppf(0.999, 800, 0.025)
