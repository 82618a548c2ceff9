"""How often intervals hold the truth, and how often an equivalence is claimed that is not there.

The rates that docs/statistics.md states. Scores are in points (percent).
"""

from __future__ import annotations

import numpy as np
import pytest

from mpcs_bench.stats import (
    bootstrap_image_mean,
    bootstrap_patient_mean,
    bootstrap_stratified,
    equivalence_to_published,
    gap_to_published,
    paired_equivalence,
)

pytestmark = pytest.mark.slow

PATIENT_SD = 6.0
MARGIN = 3.0
BOTH_CORRECTED = {"test_train_ratio": 0.25, "published_ratio": 0.25}


def covers(interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def both(outcome, truth: float) -> tuple[bool, bool]:
    """Say whether the percentile and the BCa interval hold the truth."""
    return covers(outcome.percentile, truth), covers(outcome.bca, truth)


def any_seed(generator: np.random.Generator) -> int:
    """Return a new seed for each run: one for all would draw the same resamples every time."""
    return int(generator.integers(2**31))


# Bootstrap intervals, nominal 95 %.


@pytest.mark.parametrize(
    ("patients", "percentile", "bca"),
    [(80, 0.936, 0.936), (20, 0.92, 0.92), (8, 0.865, 0.87)],
)
def test_coverage_of_the_mean_over_patients(patients, percentile, bca, rate, about):
    """Skewed differences of patient-level scores."""

    def held(generator):
        skewed = PATIENT_SD * (generator.gamma(2, size=patients) - 2) / 2**0.5
        seed = any_seed(generator)
        return both(bootstrap_patient_mean(range(patients), skewed, draws=999, seed=seed), 0)

    seen = rate(held, patients, 1000)
    assert tuple(seen) == (about(percentile, 1000), about(bca, 1000))


def images_of_patients(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw 80 patients with 5 to 59 images each, and which images a model has right (80 %)."""
    counts = generator.integers(5, 60, 80)
    names = np.repeat(np.arange(80), counts)
    chance = np.repeat(generator.beta(8, 2, 80), counts)
    return names, generator.random(names.size) < chance


def test_coverage_of_the_mean_over_images_where_patients_are_resampled(rate, about):
    def held(generator):
        names, right = images_of_patients(generator)
        return both(bootstrap_image_mean(names, right, draws=999, seed=any_seed(generator)), 0.8)

    assert tuple(rate(held, 1, 1000)) == (about(0.941, 1000), about(0.942, 1000))


def test_coverage_of_the_mean_over_images_where_images_are_resampled(rate, about):
    def held(generator):
        _, right = images_of_patients(generator)
        seed = any_seed(generator)
        outcome = bootstrap_image_mean(range(right.size), right, draws=199, seed=seed, unit="image")
        return covers(outcome.percentile, 0.8)

    assert rate(held, 2, 300) == about(0.65, 300)


def test_coverage_of_the_mean_over_patches_where_images_are_resampled(rate, about):
    """100 images of 12 patches each, which err together; then the patches taken as independent."""

    def held(generator):
        names = np.repeat(np.arange(100), 12)
        right = generator.random(names.size) < np.repeat(generator.beta(8, 2, 100), 12)
        seed = any_seed(generator)
        by_image = bootstrap_image_mean(names, right, draws=499, seed=seed, unit="image")
        patches = bootstrap_image_mean(range(names.size), right, draws=199, seed=seed, unit="patch")
        return *both(by_image, 0.8), covers(patches.percentile, 0.8)

    assert tuple(rate(held, 4, 500)) == (about(0.94, 500), about(0.94, 500), about(0.83, 500))


def test_coverage_of_the_stratified_bootstrap(rate, about):
    """Four classes of 100 images, of unequal difficulty: the difference of two models."""
    classes = np.repeat(np.arange(4), 100)
    chance = np.array([0.95, 0.9, 0.8, 0.7])[classes]

    def held(generator):
        ours, theirs = ((generator.random(400) < chance).astype(int) for _ in range(2))
        seed = any_seed(generator)
        return both(bootstrap_stratified(classes, ours - theirs, draws=999, seed=seed), 0)

    assert tuple(rate(held, 3, 1000)) == (about(0.95, 1000), about(0.95, 1000))


# Equivalence with a published mean, nominal 90 % and 5 %.


def two_cross_validations(generator: np.random.Generator, within: float, between: float):
    """Draw the folds of two sides: correlated within a side, and between the two."""
    shared = generator.normal(scale=between**0.5)
    own = [generator.normal(scale=(within - between) ** 0.5) for _ in range(2)]
    return [shared + side + generator.normal(scale=(1 - within) ** 0.5, size=5) for side in own]


def against_published(generator, within, between, shift=0.0, **ratios):
    ours, theirs = two_cross_validations(generator, within, between)
    return equivalence_to_published(
        shift + ours, theirs.mean(), theirs.std(ddof=1), 5, margin=MARGIN, **ratios
    )


@pytest.mark.parametrize(
    ("within", "between", "ratios", "coverage", "wrongly"),
    [
        (0.2, 0.2, {}, 0.91, 0.047),
        (0.2, 0.0, {}, 0.77, 0.12),
        (0.2, 0.0, BOTH_CORRECTED, 0.91, 0.047),
        (0.2, 0.2, BOTH_CORRECTED, 0.978, 0.011),
    ],
    ids=["same data", "other data", "other data, corrected", "same data, corrected"],
)
def test_equivalence_with_a_published_mean(within, between, ratios, coverage, wrongly, rate, about):
    """Coverage of the interval, and how often a difference as large as the margin passes."""
    covered = rate(
        lambda g: covers(against_published(g, within, between, **ratios).interval, 0), 10
    )
    passed = rate(
        lambda g: against_published(g, within, between, MARGIN, **ratios).outcome == "equivalent",
        11,
    )
    assert covered == about(coverage)
    assert passed == about(wrongly)


def test_a_difference_no_larger_than_the_margin_is_rarely_called_larger(rate, at_most):
    differs = rate(lambda g: against_published(g, 0.2, 0.2, MARGIN).outcome == "differs", 12)
    assert differs <= at_most(0.05)


def test_z_of_no_difference_keeps_its_level(rate, at_most):
    def alarm(generator):
        ours, theirs = two_cross_validations(generator, 0.2, 0.2)
        return gap_to_published(ours, theirs.mean(), theirs.std(ddof=1), 5).p <= 0.05

    assert rate(alarm, 13) <= at_most(0.05)


def test_paired_equivalence_keeps_its_level_at_the_margin(rate, at_most):
    def passed(generator):
        ours, theirs = two_cross_validations(generator, 0.2, 0.0)
        d = MARGIN + (ours - theirs) / 2**0.5
        return paired_equivalence(d, 0.25, margin=MARGIN).outcome == "equivalent"

    assert rate(passed, 14) <= at_most(0.05)
