"""How often each test is wrong, simulated: at the question it answers, and at one it does not.

The rates that docs/statistics.md states come from here. Scores are in points (percent).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from mpcs_bench.stats import (
    bayesian_correlated_t,
    bootstrap_image_mean,
    bootstrap_patient_mean,
    bootstrap_stratified,
    corrected_resampled_t,
    corrected_t_power,
    equivalence_to_published,
    friedman_nemenyi,
    gap_to_published,
    holm,
    mcnemar,
    naive_paired_t,
    paired_equivalence,
    patient_sign_flip,
    sign_flip,
    wilcoxon_signed_rank,
)

pytestmark = pytest.mark.slow

RUNS = 2000
HEAVY_RUNS = 1000
FOLDS, PATIENTS_PER_FOLD = 5, 16
PATIENT_SD = 6.0


def rate(event, seed: int, runs: int = RUNS) -> float:
    """Return the share of runs in which `event(generator)` is true."""
    generator = np.random.default_rng(seed)
    return float(np.mean([bool(event(generator)) for _ in range(runs)]))


def about(expected: float, runs: int = RUNS):
    """Allow what chance allows a share of `runs` runs in 999 of 1000 cases, in both directions."""
    return pytest.approx(expected, abs=3.3 * (expected * (1 - expected) / runs) ** 0.5)


def at_most(expected: float, runs: int = RUNS) -> float:
    return expected + 3.1 * (expected * (1 - expected) / runs) ** 0.5


def correlated(
    generator: np.random.Generator, count: int, correlation: float, sd: float = 1.0
) -> np.ndarray:
    """Draw values of which any two have this correlation, as folds with shared training data."""
    common = generator.normal(scale=correlation**0.5)
    return sd * (common + generator.normal(scale=(1 - correlation) ** 0.5, size=count))


def patients_of_trained_models(
    generator: np.random.Generator, training_noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one difference per patient; the patients of a fold share what its training gave."""
    fold = np.repeat(np.arange(FOLDS), PATIENTS_PER_FOLD)
    training = generator.normal(scale=training_noise, size=FOLDS)
    return fold, training[fold] + generator.normal(scale=PATIENT_SD, size=fold.size)


# The corrected t-test and what rests on it: methods, by folds.


@pytest.mark.parametrize(("ratio", "naive"), [(0.25, 0.12), (1.0, 0.28)])
def test_corrected_t_keeps_its_level_and_the_naive_one_does_not(ratio, naive):
    """A fifth for testing: with four fifths for training, and with one fifth (Exp-1 to 4)."""
    rho = ratio / (1 + ratio)
    corrected = rate(lambda g: corrected_resampled_t(correlated(g, 5, rho), ratio).p <= 0.05, 1)
    plain = rate(lambda g: naive_paired_t(correlated(g, 5, rho)).p <= 0.05, 2)
    assert corrected == about(0.05)
    assert plain == about(naive)


@pytest.mark.parametrize("effect", [1.5, 3.0])
def test_power_of_the_corrected_t_is_what_its_formula_says(effect):
    found = rate(lambda g: corrected_resampled_t(effect + correlated(g, 5, 0.2), 0.25).p <= 0.05, 3)
    seen_sd = (1 - 0.2) ** 0.5  # the folds share the rest, and do not show it
    assert found == about(corrected_t_power(effect, seen_sd, 5, 0.25).power)


def test_holm_over_four_magnifications_keeps_the_level_of_the_family():
    def any_alarm(generator):
        shared = correlated(generator, 5, 0.2)
        columns = [0.8**0.5 * shared + 0.2**0.5 * correlated(generator, 5, 0.2) for _ in range(4)]
        return min(holm([corrected_resampled_t(d, 0.25).p for d in columns])) <= 0.05

    assert rate(any_alarm, 4) <= at_most(0.05)


def test_posterior_is_rarely_sure_of_what_is_not():
    """At a true difference on the edge of the region, 95 % sure of either side in 5 % at most."""

    def sure(generator):
        outcome = bayesian_correlated_t(1 + correlated(generator, 5, 0.2), 0.25, rope=1)
        return outcome.p_better >= 0.95, outcome.p_equivalent >= 0.95

    generator = np.random.default_rng(5)
    better, equivalent = np.mean([sure(generator) for _ in range(RUNS)], axis=0)
    assert better == about(0.05)
    assert equivalent <= at_most(0.05)


# Rank and sign tests of folds: no normal distribution, but independent folds.


@pytest.mark.parametrize("test", [sign_flip, wilcoxon_signed_rank])
def test_exact_tests_keep_their_level_on_independent_folds_and_not_on_shared_ones(test):
    """Ten folds, skewed differences; then the correlation of folds that share training data."""
    skewed = rate(lambda g: test(g.choice((-1, 1), 10) * g.gamma(1, size=10)).p <= 0.05, 6)
    shared = rate(lambda g: test(correlated(g, 10, 0.1)).p <= 0.05, 7)
    assert skewed <= at_most(0.05)
    assert shared == about(0.14)


# Patients: these trained models, and what they do not say of methods.


@pytest.mark.parametrize(("noise", "alarms"), [(0, 0.05), (1, 0.108), (2, 0.214), (3, 0.323)])
def test_sign_flip_by_patient_keeps_its_level_only_for_these_trained_models(noise, alarms):
    def alarm(generator):
        _, differences = patients_of_trained_models(generator, noise)
        return patient_sign_flip(range(differences.size), differences, draws=999).p <= 0.05

    assert rate(alarm, 8 + noise, HEAVY_RUNS) == about(alarms, HEAVY_RUNS)


@pytest.mark.parametrize("noise", [0, 3])
def test_folds_as_units_keep_the_level_whatever_the_training_noise(noise):
    def alarm(generator):
        fold, differences = patients_of_trained_models(generator, noise)
        by_fold = np.bincount(fold, differences) / np.bincount(fold)
        return corrected_resampled_t(by_fold, 0.25).p <= 0.05

    assert rate(alarm, 12 + noise) <= at_most(0.05)


def images_of_patients(generator: np.random.Generator, patients: int, effect: float = 0.0):
    """Draw, for unequal numbers of images, whether each of two models is right.

    The images of one patient are as difficult as each other, for each model by itself.
    """
    counts = generator.integers(5, 60, patients)
    names = np.repeat(np.arange(patients), counts)
    chances = [np.repeat(generator.beta(8, 2, patients), counts) for _ in range(2)]
    ours, theirs = (generator.random(names.size) < chance for chance in chances)
    return names, ours, theirs


def test_mcnemar_keeps_its_level_on_independent_images_and_not_on_those_of_patients():
    def alarm(generator, patients):
        names, ours, theirs = images_of_patients(generator, patients)
        first = np.unique(names, return_index=True)[1]
        keep = first if patients == 400 else slice(None)
        return mcnemar(ours[keep], theirs[keep], clusters=names[keep]).p <= 0.05

    assert rate(lambda g: alarm(g, 400), 20) <= at_most(0.05)
    assert rate(lambda g: alarm(g, 80), 21) == about(0.40)


# Bootstrap intervals: how often they hold the true value.


def covers(interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def coverage(outcome_of, truth: float, seed: int) -> tuple[float, float]:
    """Return the coverage of the percentile and the BCa interval."""
    generator = np.random.default_rng(seed)
    outcomes = [outcome_of(generator) for _ in range(HEAVY_RUNS)]
    return (
        float(np.mean([covers(o.percentile, truth) for o in outcomes])),
        float(np.mean([covers(o.bca, truth) for o in outcomes])),
    )


@pytest.mark.parametrize(
    ("patients", "percentile", "bca"), [(80, 0.94, 0.94), (20, 0.92, 0.92), (8, 0.86, 0.86)]
)
def test_coverage_of_the_mean_over_patients(patients, percentile, bca):
    """Differences of patient-level scores, skewed: nominal 95 %."""

    def outcome_of(generator):
        skewed = PATIENT_SD * (generator.gamma(2, size=patients) - 2) / 2**0.5
        return bootstrap_patient_mean(range(patients), skewed, draws=999)

    seen = coverage(outcome_of, 0, 30 + patients)
    assert seen == (about(percentile, HEAVY_RUNS), about(bca, HEAVY_RUNS))


def test_coverage_of_the_mean_over_images_by_patients_and_by_images():
    def outcome_of(generator, as_images):
        names, ours, _ = images_of_patients(generator, 80)
        if as_images:
            return bootstrap_image_mean(range(names.size), ours, draws=999, unit="image")
        return bootstrap_image_mean(names, ours, draws=999)

    by_patient = coverage(lambda g: outcome_of(g, False), 0.8, 40)
    assert by_patient == (about(0.94, HEAVY_RUNS), about(0.94, HEAVY_RUNS))
    by_image, _ = coverage(lambda g: outcome_of(g, True), 0.8, 41)
    assert by_image == about(0.60, HEAVY_RUNS)


def test_coverage_of_the_stratified_bootstrap():
    """Four classes of 100 images, of unequal difficulty: the difference of two models."""
    classes = np.repeat(np.arange(4), 100)
    chance = np.array([0.95, 0.9, 0.8, 0.7])[classes]

    def outcome_of(generator):
        ours, theirs = (generator.random(400) < chance for _ in range(2))
        return bootstrap_stratified(classes, ours.astype(int) - theirs, draws=999)

    seen = coverage(outcome_of, 0, 42)
    assert seen == (about(0.95, HEAVY_RUNS), about(0.95, HEAVY_RUNS))


# Equivalence with a published mean.


def two_cross_validations(generator: np.random.Generator, within: float, between: float):
    """Draw the folds of two sides: correlated within a side, and between the two."""
    shared = generator.normal(scale=between**0.5)
    own = [generator.normal(scale=(within - between) ** 0.5) for _ in range(2)]
    return [shared + side + generator.normal(scale=(1 - within) ** 0.5, size=5) for side in own]


def against_published(generator, within, between, shift=0.0, **ratios):
    ours, theirs = two_cross_validations(generator, within, between)
    return equivalence_to_published(
        shift + ours, theirs.mean(), theirs.std(ddof=1), 5, margin=3, **ratios
    )


BOTH = {"test_train_ratio": 0.25, "published_ratio": 0.25}


@pytest.mark.parametrize(
    ("within", "between", "ratios", "coverage_of_90", "wrongly"),
    [
        (0.2, 0.2, {}, 0.90, 0.05),
        (0.2, 0.0, {}, 0.77, 0.11),
        (0.2, 0.0, BOTH, 0.90, 0.05),
        (0.2, 0.2, BOTH, 0.98, 0.01),
    ],
    ids=["same data", "other data", "other data, corrected", "same data, corrected"],
)
def test_equivalence_with_a_published_mean(within, between, ratios, coverage_of_90, wrongly):
    """Coverage of the interval, and how often a difference as large as the margin passes."""
    covered = rate(
        lambda g: covers(against_published(g, within, between, **ratios).interval, 0), 50
    )
    passed = rate(
        lambda g: against_published(g, within, between, 3.0, **ratios).outcome == "equivalent", 51
    )
    assert covered == about(coverage_of_90)
    assert passed == about(wrongly)


def test_equality_is_rarely_called_a_difference():
    """*Differs* means beyond the margin; z asks for any difference at all."""
    differs = rate(lambda g: against_published(g, 0.2, 0.2, 3.0).outcome == "differs", 52)
    assert differs <= at_most(0.05)

    def alarm(generator):
        ours, theirs = two_cross_validations(generator, 0.2, 0.2)
        return gap_to_published(ours, theirs.mean(), theirs.std(ddof=1), 5).p <= 0.05

    assert rate(alarm, 53) <= at_most(0.05)


def test_paired_equivalence_keeps_its_level_at_the_margin():
    passed = rate(
        lambda g: (
            paired_equivalence(3 + correlated(g, 5, 0.2), 0.25, margin=3).outcome == "equivalent"
        ),
        54,
    )
    assert passed <= at_most(0.05)


# Several methods at once.


def four_methods(generator: np.random.Generator, folds: int, magnifications: int, shared: float):
    """Draw scores [folds x magnifications, 4]; a fold's magnifications share its patients."""
    fold = generator.normal(scale=shared**0.5, size=(folds, 1, 4))
    own = generator.normal(scale=(1 - shared) ** 0.5, size=(folds, magnifications, 4))
    return (fold + own).reshape(-1, 4)


@pytest.mark.parametrize(
    ("folds", "magnifications", "friedman", "nemenyi"),
    [(10, 1, 0.05, 0.05), (5, 4, 0.38, 0.35)],
    ids=["ten independent blocks", "five folds at four magnifications"],
)
def test_friedman_and_nemenyi(folds, magnifications, friedman, nemenyi):
    generator = np.random.default_rng(60 + folds)
    alarms = []
    for _ in range(HEAVY_RUNS):
        scores = four_methods(generator, folds, magnifications, 0.7)
        outcome = friedman_nemenyi(scores, list("abcd"))
        alarms.append((outcome.p <= 0.05, min(pair.p for pair in outcome.pairs) <= 0.05))
    seen = np.mean(alarms, axis=0)
    assert seen[0] == about(friedman, HEAVY_RUNS)
    assert seen[1] == about(nemenyi, HEAVY_RUNS)


def test_intervals_of_the_corrected_t_hold_the_truth_as_often_as_they_say():
    held = rate(
        lambda g: covers(corrected_resampled_t(correlated(g, 5, 0.2), 0.25).interval, 0), 70
    )
    assert held == about(0.95)
    assert scipy_stats.t.isf(0.025, 4) > 2.7  # not the normal 1.96
