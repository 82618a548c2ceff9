"""How often each test finds what is not there: at the question it answers, and at one it does not.

The rates that docs/statistics.md states come from here and from the other simulations beside it.
Scores are in points (percent). A false alarm is a p of at most 0.05.
"""

from __future__ import annotations

import numpy as np
import pytest

from mpcs_bench.stats import (
    bayesian_correlated_t,
    corrected_resampled_t,
    corrected_t_power,
    friedman_nemenyi,
    holm,
    mcnemar,
    naive_paired_t,
    patient_sign_flip,
    sign_flip,
    wilcoxon_signed_rank,
)

pytestmark = pytest.mark.slow

FOLDS, PATIENTS_PER_FOLD = 5, 16
PATIENT_SD = 6.0


def correlated(generator: np.random.Generator, count: int, correlation: float) -> np.ndarray:
    """Draw values of which any two have this correlation, as folds with shared training data."""
    common = generator.normal(scale=correlation**0.5)
    return common + generator.normal(scale=(1 - correlation) ** 0.5, size=count)


# The corrected t-test and what rests on it: methods, by folds.


@pytest.mark.parametrize(("ratio", "naive"), [(0.25, 0.137), (1.0, 0.318)])
def test_corrected_t_keeps_its_level_and_the_naive_one_does_not(ratio, naive, rate, about):
    """A fifth for testing: with four fifths for training, and with one fifth (Exp-1 to 4)."""
    rho = ratio / (1 + ratio)
    corrected = rate(lambda g: corrected_resampled_t(correlated(g, 5, rho), ratio).p <= 0.05, 1)
    plain = rate(lambda g: naive_paired_t(correlated(g, 5, rho)).p <= 0.05, 2)
    assert corrected == about(0.05)
    assert plain == about(naive)


def test_interval_of_the_corrected_t_holds_the_truth_as_often_as_it_says(rate, about):
    def held(generator):
        low, high, _ = corrected_resampled_t(2 + correlated(generator, 5, 0.2), 0.25).interval
        return low <= 2 <= high

    assert rate(held, 3) == about(0.95)


@pytest.mark.parametrize("effect", [1.5, 3.0])
def test_power_of_the_corrected_t_is_what_its_formula_says(effect, rate, about):
    found = rate(lambda g: corrected_resampled_t(effect + correlated(g, 5, 0.2), 0.25).p <= 0.05, 4)
    seen_sd = (1 - 0.2) ** 0.5  # the folds share the rest, and do not show it
    assert found == about(corrected_t_power(effect, seen_sd, 5, 0.25).power)


def test_holm_over_four_magnifications_keeps_the_level_of_the_family(rate, at_most):
    def any_alarm(generator):
        shared = correlated(generator, 5, 0.2)
        columns = [0.8**0.5 * shared + 0.2**0.5 * correlated(generator, 5, 0.2) for _ in range(4)]
        return min(holm([corrected_resampled_t(d, 0.25).p for d in columns])) <= 0.05

    assert rate(any_alarm, 5) <= at_most(0.05)


def test_posterior_is_rarely_sure_of_what_is_not(rate, about, at_most):
    """At a true difference on the edge of the region: 95 % sure of either side in 5 % at most."""

    def sure(generator):
        outcome = bayesian_correlated_t(1 + correlated(generator, 5, 0.2), 0.25, rope=1)
        return outcome.p_better >= 0.95, outcome.p_equivalent >= 0.95

    better, equivalent = rate(sure, 6)
    assert better == about(0.05)
    assert equivalent <= at_most(0.05)


@pytest.mark.parametrize(("seeds", "alarms"), [(1, 0.05), (3, 0.14), (5, 0.17)])
def test_corrected_t_takes_seeds_for_repeats_that_they_are_not(seeds, alarms, rate, about):
    """Five folds at 80/20; seed noise 0.3 times the spread of the folds."""

    def alarm(generator):
        noise = generator.normal(scale=0.3, size=(5, seeds))
        d = correlated(generator, 5, 0.2)[:, None] + noise
        return corrected_resampled_t(d.ravel(), 0.25).p <= 0.05

    assert rate(alarm, 60 + seeds) == about(alarms)


# Sign and rank tests of folds: no normal distribution, but independent folds.


@pytest.mark.parametrize("test", [sign_flip, wilcoxon_signed_rank])
def test_exact_tests_keep_their_level_on_independent_folds_only(test, rate, about, at_most):
    """Ten folds: of symmetric, long-tailed differences; then with shared training data."""
    alone = rate(lambda g: test(g.choice((-1, 1), 10) * g.gamma(1, size=10)).p <= 0.05, 7)
    shared = rate(lambda g: test(correlated(g, 10, 0.1)).p <= 0.05, 8)
    assert alone <= at_most(0.05)
    assert shared == about(0.152)


# Patients and images: these trained models, and what they do not say of methods.


def patients_of_trained_models(
    generator: np.random.Generator, training_noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one difference per patient; the patients of a fold share what its training gave."""
    fold = np.repeat(np.arange(FOLDS), PATIENTS_PER_FOLD)
    training = generator.normal(scale=training_noise, size=FOLDS)
    return fold, training[fold] + generator.normal(scale=PATIENT_SD, size=fold.size)


@pytest.mark.parametrize(("noise", "alarms"), [(0, 0.05), (1, 0.102), (2, 0.223), (3, 0.335)])
def test_sign_flip_by_patient_keeps_its_level_only_for_trained_models(noise, alarms, rate, about):
    def alarm(generator):
        _, differences = patients_of_trained_models(generator, noise)
        seed = int(generator.integers(2**31))
        outcome = patient_sign_flip(range(differences.size), differences, draws=999, seed=seed)
        return outcome.p <= 0.05

    assert rate(alarm, 10 + noise, 1000) == about(alarms, 1000)


@pytest.mark.parametrize("noise", [0, 3])
def test_folds_as_units_keep_the_level_whatever_the_training_noise(noise, rate, at_most):
    def alarm(generator):
        fold, differences = patients_of_trained_models(generator, noise)
        by_fold = np.bincount(fold, differences) / np.bincount(fold)
        return corrected_resampled_t(by_fold, 0.25).p <= 0.05

    assert rate(alarm, 20 + noise) <= at_most(0.05)


def test_mcnemar_keeps_its_level_on_independent_images_and_not_on_those_of_patients(
    rate, about, at_most
):
    """80 patients with 5 to 59 images each, and then one image of each of 400."""

    def alarm(generator, patients, most):
        counts = generator.integers(min(5, most), most + 1, patients)
        names = np.repeat(np.arange(patients), counts)
        chances = [np.repeat(generator.beta(8, 2, patients), counts) for _ in range(2)]
        ours, theirs = (generator.random(names.size) < chance for chance in chances)
        outcome = mcnemar(ours, theirs, clusters=names)
        assert outcome.naive == (most > 1)
        return outcome.p <= 0.05

    assert rate(lambda g: alarm(g, 400, 1), 30) <= at_most(0.05)
    assert rate(lambda g: alarm(g, 80, 59), 31) == about(0.35)


# Several methods at once.


@pytest.mark.parametrize(
    ("folds", "magnifications", "friedman", "nemenyi"),
    [(10, 1, 0.047, 0.054), (5, 4, 0.42, 0.43)],
    ids=["ten independent blocks", "five folds at four magnifications"],
)
def test_friedman_and_nemenyi(folds, magnifications, friedman, nemenyi, rate, about):
    """Four methods alike; a fold's magnifications share its patients (correlation 0.7)."""

    def alarms(generator):
        fold = generator.normal(scale=0.7**0.5, size=(folds, 1, 4))
        own = generator.normal(scale=0.3**0.5, size=(folds, magnifications, 4))
        outcome = friedman_nemenyi((fold + own).reshape(-1, 4), list("abcd"))
        return outcome.p <= 0.05, min(pair.p for pair in outcome.pairs) <= 0.05

    omnibus, pairs = rate(alarms, 40 + folds, 1000)
    assert omnibus == about(friedman, 1000)
    assert pairs == about(nemenyi, 1000)


@pytest.mark.parametrize(("correlation", "alarms"), [(0.0, 0.035), (0.2, 0.177)])
def test_friedman_over_five_folds(correlation, alarms, rate, about):
    """Four methods alike; independent folds, and folds that share training data at 80/20."""

    def alarm(generator):
        scores = np.array([correlated(generator, 5, correlation) for _ in range(4)]).T
        return friedman_nemenyi(scores, list("abcd")).p <= 0.05

    assert rate(alarm, 50, 1000) == about(alarms, 1000)
