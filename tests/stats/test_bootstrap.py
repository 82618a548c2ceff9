"""Bootstrap intervals over patients, and over images within classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from mpcs_bench.stats import (
    TRAINED_MODELS,
    TRAINED_MODELS_IMAGES,
    bootstrap_image_mean,
    bootstrap_patient_mean,
    bootstrap_ratio,
    bootstrap_stratified,
)

# Efron and Tibshirani, An Introduction to the Bootstrap (1993): the treated mice of Table 2.1, and
# the patch data of Table 10.1 (new minus old patch over old patch minus placebo).
MICE = [94, 197, 16, 38, 99, 141, 23]
OLD_MINUS_PLACEBO = [8406, 2342, 8187, 8459, 4795, 3516, 4796, 10238]
NEW_MINUS_OLD = [-1200, 2601, -2705, 1982, -1290, 351, -638, -2719]

rows = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), min_size=4, max_size=40).filter(
    lambda table: len({name for name, _ in table}) >= 2
)
few = settings(max_examples=40, deadline=None)


def columns(table):
    return [name for name, _ in table], [value for _, value in table]


def patients_and_images(seed: int = 0, patients: int = 30):
    """Draw unequal numbers of images for each patient, the images of one alike."""
    generator = np.random.default_rng(seed)
    counts = generator.integers(2, 60, patients)
    names = np.repeat(np.arange(patients), counts)
    chance = np.repeat(generator.beta(4, 1, patients), counts)
    return names, (generator.random(names.size) < chance).astype(int)


def test_standard_error_of_a_mean_is_the_published_one():
    """Table 2.2: 23.36 for ever more resamples, the plug-in value."""
    outcome = bootstrap_patient_mean(range(7), MICE)
    assert outcome.estimate == pytest.approx(86.86, abs=0.005)
    assert outcome.standard_error == pytest.approx(23.36, rel=0.03)


def test_ratio_and_its_standard_error_are_the_published_ones():
    """Section 10.3: -0.0713, with a standard error of 0.105 from 400 resamples."""
    outcome = bootstrap_ratio(NEW_MINUS_OLD, OLD_MINUS_PLACEBO)
    assert outcome.estimate == pytest.approx(-0.0713, abs=5e-5)
    assert outcome.standard_error == pytest.approx(0.105, abs=0.01)


def bca_by_hand(values: np.ndarray, level: float, seed: int) -> tuple[float, float]:
    """Efron (1987) for a mean, written out: bias from the resamples, skewness for acceleration."""
    generator = np.random.default_rng(seed)
    means = values[generator.integers(0, values.size, (20_000, values.size))].mean(axis=1)
    bias = scipy_stats.norm.ppf(np.mean(means < values.mean()))
    centred = values.mean() - values  # a jackknife mean is above where its value was below
    acceleration = np.sum(centred**3) / (6 * np.sum(centred**2) ** 1.5)
    z = bias + scipy_stats.norm.ppf([(1 - level) / 2, (1 + level) / 2])
    shares = scipy_stats.norm.cdf(bias + z / (1 + acceleration * z))
    return tuple(np.quantile(means, shares))


def test_bca_is_efrons_formula():
    values = np.random.default_rng(2).gamma(1.5, size=40)
    low, high, _ = bootstrap_patient_mean(range(40), values).bca
    spread = values.std() / 40**0.5
    assert (low, high) == pytest.approx(bca_by_hand(values, 0.95, 9), abs=0.08 * spread)


def test_percentile_interval_of_a_mean_is_about_the_normal_one():
    values = np.random.default_rng(3).normal(size=400)
    low, high, level = bootstrap_patient_mean(range(400), values, level=0.9).percentile
    expected = scipy_stats.norm.interval(0.9, values.mean(), values.std() / 20)
    assert (low, high) == pytest.approx(expected, abs=0.01)
    assert level == 0.9


def test_patients_weigh_alike_in_one_estimate_and_images_in_the_other():
    patients, right = ["a"] * 3 + ["b"], [1, 1, 1, 0]
    assert bootstrap_patient_mean(patients, right).estimate == 0.5
    assert bootstrap_image_mean(patients, right).estimate == 0.75


def test_patients_of_one_size_make_both_agree():
    patients = np.repeat(np.arange(25), 8)
    right = np.random.default_rng(4).integers(0, 2, patients.size)
    by_patient, by_image = (
        function(patients, right) for function in (bootstrap_patient_mean, bootstrap_image_mean)
    )
    assert by_patient.estimate == pytest.approx(by_image.estimate)
    assert by_patient.percentile == pytest.approx(by_image.percentile)


def test_resampling_patients_is_honest_where_resampling_images_is_not():
    """Images of one patient err together: taken as independent, the interval is far too short."""
    patients, right = patients_and_images()
    honest = bootstrap_image_mean(patients, right).percentile
    pretended = bootstrap_image_mean(range(len(right)), right, unit="image").percentile
    assert honest.high - honest.low > 2 * (pretended.high - pretended.low)


def test_n_counts_patients_and_values_counts_images():
    patients, right = patients_and_images()
    outcome = bootstrap_image_mean(patients, right)
    assert (outcome.n, outcome.unit, outcome.values) == (30, "patient", len(right))
    assert outcome.question == TRAINED_MODELS


@few
@given(rows, st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_matter(table, random):
    shuffled = random.sample(table, len(table))
    for function in (bootstrap_patient_mean, bootstrap_image_mean):
        one, other = (function(*columns(t), draws=200) for t in (table, shuffled))
        assert one.estimate == pytest.approx(other.estimate)
        assert one.percentile == (other.percentile and pytest.approx(other.percentile))
        assert one.bca == (other.bca and pytest.approx(other.bca))


@few
@given(rows)
def test_swapping_the_methods_turns_the_sign_of_the_interval(table):
    """Up to the luck of the draw: the resamples of the turned data are others."""
    patients, values = columns(table)
    one = bootstrap_patient_mean(patients, values, draws=2000)
    other = bootstrap_patient_mean(patients, np.negative(values), draws=2000)
    assert one.estimate == pytest.approx(-other.estimate)
    assert one.standard_error == pytest.approx(other.standard_error, rel=0.15, abs=1e-12)


@few
@given(rows)
def test_interval_holds_the_estimate(table):
    for function in (bootstrap_patient_mean, bootstrap_image_mean):
        outcome = function(*columns(table), draws=500)
        if outcome.percentile:
            low, high, _ = outcome.percentile
            assert low - 1e-12 <= outcome.estimate <= high + 1e-12


@few
@given(rows)
def test_a_higher_level_is_never_shorter(table):
    narrow, wide = (
        bootstrap_patient_mean(*columns(table), draws=500, level=level).percentile
        for level in (0.8, 0.95)
    )
    assert narrow is None or (wide.low <= narrow.low and wide.high >= narrow.high)


def test_one_seed_gives_one_interval_and_another_seed_another():
    patients, right = patients_and_images()
    assert bootstrap_image_mean(patients, right, seed=1) == bootstrap_image_mean(
        patients, right, seed=1
    )
    assert (
        bootstrap_image_mean(patients, right, seed=1).percentile
        != bootstrap_image_mean(patients, right, seed=2).percentile
    )


@pytest.mark.parametrize("function", [bootstrap_patient_mean, bootstrap_image_mean])
def test_patients_without_any_difference_have_no_interval(function):
    outcome = function(list("aabbbcc"), [1] * 7)
    assert outcome.estimate == 1
    assert outcome.percentile is None
    assert outcome.bca is None
    assert any("no interval" in warning for warning in outcome.warnings)


def test_few_patients_are_warned_of():
    assert any("too short" in w for w in bootstrap_patient_mean(range(7), MICE).warnings)
    assert not bootstrap_patient_mean(*patients_and_images()).warnings


def classes_and_values(seed: int = 0):
    generator = np.random.default_rng(seed)
    classes = np.repeat(["benign", "in situ", "invasive", "normal"], [25, 25, 25, 25])
    return classes, generator.integers(-1, 2, classes.size)


def test_stratified_error_is_what_the_classes_spread_within_makes():
    classes = np.repeat(["a", "b"], [50, 150])
    values = np.where(classes == "a", 0, 1) + np.random.default_rng(1).normal(0, 0.1, 200)
    outcome = bootstrap_stratified(classes, values)
    within = [values[classes == name].var() * np.sum(classes == name) for name in "ab"]
    assert outcome.standard_error == pytest.approx(sum(within) ** 0.5 / 200, rel=0.03)
    assert outcome.estimate == pytest.approx(values.mean())
    unstratified = bootstrap_patient_mean(range(200), values)
    assert unstratified.standard_error > 3 * outcome.standard_error


def test_stratified_order_of_the_rows_does_not_matter():
    classes, values = classes_and_values()
    order = np.random.default_rng(8).permutation(classes.size)
    one = bootstrap_stratified(classes, values)
    assert one.percentile == bootstrap_stratified(classes[order], values[order]).percentile


def test_stratified_record_names_its_unit_and_that_the_classes_are_fixed():
    outcome = bootstrap_stratified(*classes_and_values())
    assert (outcome.n, outcome.unit) == (100, "image")
    assert outcome.question == TRAINED_MODELS_IMAGES
    assert any("fixed" in line for line in outcome.assumptions)
    low, high, _ = outcome.bca
    assert low < outcome.estimate < high


def test_one_class_is_not_stratified_and_says_so():
    one = bootstrap_stratified(["a"] * 40, np.arange(40) % 3)
    assert one.warnings == ("one class, a: nothing is stratified",)
    assert bootstrap_stratified(["a", "b"] * 20, np.arange(40) % 3).warnings == ()


@pytest.mark.parametrize(
    ("unit", "question"),
    [
        ("patient", TRAINED_MODELS),
        ("patient group", TRAINED_MODELS),
        ("image", TRAINED_MODELS_IMAGES),
    ],
)
def test_groups_of_patients_answer_for_new_patients(unit, question):
    outcome = bootstrap_ratio([1, 2, 4, 3], [5, 5, 5, 5], unit=unit)
    assert (outcome.unit, outcome.question) == (unit, question)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap_patient_mean(["a", "a"], [0, 1]), "at least 2 patients"),
        (lambda: bootstrap_patient_mean(["a"], [0, 1]), "do not match"),
        (lambda: bootstrap_image_mean(["a", "b"], [0, np.inf]), "finite"),
        (lambda: bootstrap_image_mean(["a", "b"], [0, 1], level=95), "level"),
        (lambda: bootstrap_ratio([1, 2], [1]), "do not match"),
        (lambda: bootstrap_ratio([1, 2], [0, 3]), "not above zero: 1 of 2"),
        (lambda: bootstrap_stratified(["a", "a", "b"], [0, 1, 1]), "class b has one image"),
    ],
)
def test_what_cannot_be_resampled_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
