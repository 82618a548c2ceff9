"""Variance components against the textbook, an independent estimator, and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.report.variance.components import Components, variance_components


def _sample(
    rng: np.random.Generator, sds: tuple[float, float, float], sizes: tuple[int, int, int]
) -> pd.DataFrame:
    splits, seeds, runs = sizes
    rows = [
        (i, j, base + shift + rng.normal(0, sds[2]))
        for i in range(splits)
        for base in [rng.normal(0.8, sds[0])]
        for j in range(seeds)
        for shift in [rng.normal(0, sds[1])]
        for _ in range(runs)
    ]
    return pd.DataFrame(rows, columns=["split", "seed", "value"])


def _components(frame: pd.DataFrame) -> Components:
    return variance_components(frame["value"].tolist(), list(frame["split"]), list(frame["seed"]))


def test_a_balanced_design_gives_the_mean_squares_of_the_textbook() -> None:
    values = [1.0, 3.0, 5.0, 7.0, 10.0, 10.0, 14.0, 18.0]
    splits, seeds = [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 1, 1]
    found = variance_components(values, splits, seeds)
    within = (2 + 2 + 0 + 8) / 4  # mean square of two values about their mean, four times
    between_seeds = 2 * ((2 - 4) ** 2 + (6 - 4) ** 2 + (10 - 13) ** 2 + (16 - 13) ** 2) / 2
    between_splits = 4 * ((4 - 8.5) ** 2 + (13 - 8.5) ** 2) / 1
    split, seed, run = (level.estimate for level in found.levels)
    assert run == pytest.approx(within)
    assert seed == pytest.approx((between_seeds - within) / 2)
    assert split == pytest.approx((between_splits - between_seeds) / 4)
    assert [level.freedom for level in found.levels] == [1, 2, 4]


@pytest.mark.filterwarnings("ignore:The MLE may be on the boundary")
def test_it_agrees_with_maximum_likelihood_where_all_components_are_positive() -> None:
    frame = _sample(np.random.default_rng(3), (0.06, 0.03, 0.01), (6, 3, 2))
    found = _components(frame)
    model = smf.mixedlm(
        "value ~ 1", frame, groups="split", re_formula="1", vc_formula={"seed": "0 + C(seed)"}
    ).fit(reml=True)
    split, seed, run = (level.variance for level in found.levels)
    assert run == pytest.approx(model.scale, rel=0.02)
    assert seed == pytest.approx(float(model.vcomp[0]), rel=0.02)
    assert split == pytest.approx(float(model.cov_re.iloc[0, 0]), rel=0.02)


def test_an_unbalanced_design_is_estimated_without_bias() -> None:
    rng = np.random.default_rng(0)
    truth = (0.05, 0.03, 0.02)
    estimates = []
    for _ in range(300):
        frame = _sample(rng, truth, (5, 3, 2)).drop(index=[0, 1, 2, 7, 13, 20])
        estimates.append([level.estimate for level in _components(frame).levels])
    mean, error = np.mean(estimates, axis=0), np.std(estimates, axis=0) / np.sqrt(300)
    assert np.all(np.abs(mean - np.square(truth)) < 4 * error)


def test_a_negative_estimate_is_shown_as_zero_and_said() -> None:
    found = variance_components([0.9, 0.5, 0.5, 0.9], [0, 0, 1, 1], [0, 1, 0, 1])
    split = found.levels[0]
    assert split.estimate is not None and split.estimate < 0
    assert (split.variance, split.negative) == (0.0, True)


def test_levels_without_repeats_are_contained_in_the_one_above() -> None:
    by_seed = variance_components([0.9, 0.8, 0.7, 0.8], [0, 0, 1, 1], [0, 1, 0, 1])
    assert [level.variance is None for level in by_seed.levels] == [False, False, True]
    assert by_seed.levels[1].contains == ("run",)
    by_split = variance_components([0.9, 0.8, 0.7], [0, 1, 2], [0, 0, 0])
    assert by_split.levels[0].contains == ("seed", "run")
    assert by_split.levels[0].variance == pytest.approx(0.01)


def test_equal_reruns_have_no_variance() -> None:
    found = variance_components([0.9, 0.9, 0.7, 0.7], [0, 0, 1, 1], [0, 0, 0, 0])
    assert (found.levels[2].variance, found.levels[2].negative) == (0.0, False)


@given(
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
    st.floats(-5, 5),
    st.floats(0.1, 10),
)
def test_shifting_and_scaling_values_scales_the_components(
    values: list[float], shift: float, scale: float
) -> None:
    splits, seeds = [0] * 4 + [1] * 4, [0, 0, 1, 1] * 2
    before = variance_components(values, splits, seeds)
    after = variance_components([scale * v + shift for v in values], splits, seeds)
    for left, right in zip(before.levels, after.levels, strict=True):
        assert left.estimate is not None and right.estimate is not None
        assert right.estimate == pytest.approx(scale**2 * left.estimate, abs=1e-9)


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        variance_components([0.5, float("nan")], [0, 1], [0, 0])
