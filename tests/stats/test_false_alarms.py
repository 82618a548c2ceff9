"""How often the tests find a difference where there is none, simulated.

Five folds whose differences have the correlation that the correction assumes, 0.2 at 80/20. The
false alarm is a p of at most 0.05.
"""

from __future__ import annotations

import numpy as np
import pytest

from mpcs_bench.stats import corrected_resampled_t, naive_paired_t, sign_flip

RUNS = 2000
RATIO = 0.25
CORRELATION = RATIO / (1 + RATIO)


def fold_differences(generator: np.random.Generator, folds: int = 5) -> np.ndarray:
    """Draw differences with mean zero and the correlation that shared training data make."""
    common = generator.normal(scale=CORRELATION**0.5)
    return common + generator.normal(scale=(1 - CORRELATION) ** 0.5, size=folds)


def false_alarms(p_of, seed: int) -> float:
    generator = np.random.default_rng(seed)
    return float(np.mean([p_of(generator) <= 0.05 for _ in range(RUNS)]))


def test_corrected_t_keeps_its_promise_where_the_naive_one_does_not():
    corrected = false_alarms(lambda g: corrected_resampled_t(fold_differences(g), RATIO).p, 1)
    naive = false_alarms(lambda g: naive_paired_t(fold_differences(g)).p, 1)
    assert corrected == pytest.approx(0.05, abs=0.015)
    assert naive > 0.10


def test_sign_flip_at_five_folds_never_raises_an_alarm():
    generator = np.random.default_rng(2)
    assert all(sign_flip(fold_differences(generator)).p > 0.05 for _ in range(50))


def test_many_seeds_on_few_folds_break_the_corrected_t_and_averaging_them_mends_it():
    """Why a report gives both: seeds of a fold share its split, and are no further repeats."""

    def with_seeds(generator: np.random.Generator) -> np.ndarray:
        noise = generator.normal(scale=0.3, size=(5, 5))
        return fold_differences(generator)[:, None] + noise

    as_repeats = false_alarms(lambda g: corrected_resampled_t(with_seeds(g).ravel(), RATIO).p, 3)
    averaged = false_alarms(lambda g: corrected_resampled_t(with_seeds(g).mean(1), RATIO).p, 3)
    assert as_repeats > 0.10
    assert averaged == pytest.approx(0.05, abs=0.015)
