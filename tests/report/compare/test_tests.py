"""Each test is the one that the statistics call for, on differences worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mpcs_bench.stats import (
    METHODS,
    TRAINED_MODELS,
    TRAINED_MODELS_IMAGES,
    bayesian_correlated_t,
    bootstrap_patient_mean,
    bootstrap_ratio,
    corrected_resampled_t,
    holm,
    patient_sign_flip,
    wilcoxon_signed_rank,
)


def by_name(found, place=0):
    (pair,) = found.pairs
    return {outcome.name: outcome for outcome in pair.places[place].outcomes}


@pytest.fixture
def patients(made):
    """Differences of the 20 patients' scores."""
    return (np.array(made.BASE) - np.array(made.BETTER)).ravel() / 5


def test_methods_are_tested_over_folds(two, patients):
    found = by_name(two.compare("base", "new", rope=0.02))
    folds = patients.reshape(5, 4).mean(axis=1)
    expected = corrected_resampled_t(folds, 0.25)
    t = found["corrected-t"]
    assert (t.n, t.unit, t.question, t.smallest_p) == (5, "fold", METHODS, 0)
    assert t.p == pytest.approx(expected.p)
    assert t.interval == pytest.approx(expected.interval)
    assert t.details["smallest_significant"] == pytest.approx(expected.minimum_detectable)
    assert t.details["detectable_with_power_80"] > t.details["smallest_significant"]
    belief = bayesian_correlated_t(folds, 0.25, rope=0.02)
    assert found["bayesian"].details["p_better"] == pytest.approx(belief.p_better)
    assert found["bayesian"].interval == pytest.approx(belief.interval)
    assert found["sign-flip by fold"].smallest_p == 0.0625
    ranks = found["wilcoxon by fold"]
    assert (ranks.n, ranks.unit, ranks.smallest_p) == (5, "fold", 0.0625)
    assert ranks.p == pytest.approx(wilcoxon_signed_rank(folds).p)


def test_trained_models_are_tested_over_patients(two, patients):
    found = by_name(two.compare("base", "new"))
    names = np.arange(20)
    flip = found["sign-flip by item"]
    assert (flip.n, flip.unit, flip.question) == (20, "patient", TRAINED_MODELS)
    assert flip.difference == pytest.approx(patients.mean())
    assert flip.p == patient_sign_flip(names, np.round(patients, 9)).p
    boot = bootstrap_patient_mean(names, patients)
    assert found["bootstrap"].interval == pytest.approx(boot.bca, abs=1e-9)


def test_images_of_patients_are_resampled_by_patient_and_mcnemar_is_naive(two, patients):
    found = by_name(two.compare("base", "new", metric="image_accuracy"))
    boot = bootstrap_ratio(5 * patients, np.full(20, 5))
    assert found["bootstrap"].interval == pytest.approx(boot.bca, abs=1e-9)
    assert (found["bootstrap"].n, found["sign-flip by item"].n) == (20, 20)
    naive = found["mcnemar"]
    assert (naive.n, naive.unit, naive.decisive) == (100, "image", False)
    assert naive.details["gained"] - naive.details["lost"] == round(5 * patients.sum())
    assert "naive" in naive.method
    assert any("too small" in note for note in naive.notes)


def test_seeds_are_averaged_before_patients_and_folds_are_counted(made, patients):
    for seed, wrong in enumerate((made.BETTER, made.BASE)):
        made.fill("base", made.BASE, seed=seed)
        made.fill("new", wrong, seed=seed)
    found = by_name(made.compare("base", "new"))
    assert (found["corrected-t"].n, found["corrected-t"].unit) == (5, "fold, seeds averaged")
    assert found["corrected-t"].difference == pytest.approx(patients.mean() / 2)
    assert found["sign-flip by item"].n == 20
    assert found["sign-flip by item"].difference == pytest.approx(patients.mean() / 2)
    images = by_name(made.compare("base", "new", metric="image_accuracy"))
    assert "mcnemar" not in images, "two seeds give an image no single answer"


def test_first_comes_the_mean_then_each_magnification_with_holm(made):
    for magnification in (40, 100):
        made.fill("base", made.BASE, magnification=magnification)
    made.fill("new", made.BETTER, magnification=40)
    made.fill("new", made.BETTER[::-1], magnification=100)
    (pair,) = made.compare("base", "new").pairs
    mean, *columns = pair.places
    assert mean.comparison.column is None
    assert [place.comparison.column.test for place in columns] == [40, 100]
    for name in ("corrected-t", "sign-flip by fold", "wilcoxon by fold", "sign-flip by item"):
        own = [next(o for o in place.outcomes if o.name == name) for place in columns]
        assert [o.p_adjusted for o in own] == pytest.approx(holm([o.p for o in own]))
    flip = next(o for o in mean.outcomes if o.name == "sign-flip by item")
    assert (flip.n, flip.p_adjusted) == (20, None)


def images(made, experiment, right, *, classes=4, **settings):
    """Add five folds of 8 whole images without patients; `right` of each class and fold are."""
    made.levels, made.classes = ("image",), classes
    for fold in range(5):
        rows = [
            made.patch(f"f{fold}c{c}i{i}", c, c if i < right[fold][c] else (c + 1) % classes)
            for c in range(classes)
            for i in range(2)
        ]
        made.add(experiment, rows, fold=fold, magnification=0, **settings)


def test_independent_images_get_exact_mcnemar_strata_and_intervals(made):
    base = [[1, 1, 1, 1], [1, 0, 2, 1], [0, 1, 1, 1], [1, 2, 0, 1], [1, 1, 1, 0]]
    new = [[2, 1, 2, 1], [2, 1, 2, 1], [1, 1, 2, 1], [2, 2, 1, 1], [2, 1, 1, 1]]
    images(made, "base", base)
    images(made, "new", new)
    found = by_name(made.compare("base", "new"))
    test = found["mcnemar"]
    assert (test.details["gained"], test.details["lost"], test.decisive) == (10, 0, True)
    assert test.p == pytest.approx(2 / 2**10)
    assert test.smallest_p == pytest.approx(2 / 2**10)
    assert test.question == TRAINED_MODELS_IMAGES
    assert "within 4 classes" in found["bootstrap"].method
    assert found["bootstrap"].difference == pytest.approx(10 / 40)
    assert found["accuracy, candidate"].effect == 28 / 40
    assert found["accuracy, baseline"].details["right"] == 18


def test_seeds_of_images_are_averaged_and_flip_signs_instead(made):
    right = [[1, 1, 1, 1]] * 5
    for seed in range(2):
        images(made, "base", right, seed=seed)
        images(made, "new", [[2, 1, 1, 1 + seed]] * 5, seed=seed)
    found = by_name(made.compare("base", "new"))
    flip = found["sign-flip by item"]
    assert (flip.unit, flip.n, flip.question) == ("image", 40, TRAINED_MODELS_IMAGES)
    assert flip.difference == pytest.approx((1 + 0.5) / 8)
    assert "mcnemar" not in found


def test_patches_are_resampled_by_image(made):
    made.levels = ("patch", "image")
    for name, good in (("base", 1), ("new", 3)):
        for fold in range(5):
            rows = [
                made.patch(f"f{fold}i{i}", i % 2, (i + (p >= good + (i == fold))) % 2, p)
                for i in range(6)
                for p in range(4)
            ]
            made.add(name, rows, fold=fold, magnification=0)
    (place,) = made.compare("base", "new", metric="patch_accuracy").pairs[0].places
    boot = next(o for o in place.outcomes if o.name == "bootstrap")
    assert (boot.n, boot.unit, boot.details["values"]) == (30, "image", 120)
    assert boot.difference == pytest.approx(0.5)
    assert boot.decisive


def gain_in_patches(made, images, magnification=0):
    """Add two methods that decide 1 of 4 patches of an image right, and 2 or 3."""
    made.levels = ("patch", "image")
    for name, right in (("base", [1, 1]), ("new", [2, 3])):
        for fold in range(5):
            rows = [
                made.patch(
                    f"m{magnification}f{fold}i{i}",
                    i % 2,
                    (i + (patch >= right[(i + fold) % 2])) % 2,
                    patch,
                    magnification=magnification,
                )
                for i in range(images)
                for patch in range(4)
            ]
            made.add(name, rows, fold=fold, magnification=magnification)


def test_a_few_images_decide_nothing_of_their_patches(made):
    """The interval of 10 images is too short: one that leaves zero out shows nothing."""
    gain_in_patches(made, 2)
    (place,) = made.compare("base", "new", metric="patch_accuracy").pairs[0].places
    boot = next(o for o in place.outcomes if o.name == "bootstrap")
    assert boot.interval.low > 0
    assert boot.finding == place.comparison.of_trained == "out of reach"
    assert "10 images: an interval decides with 20 at the least" in boot.notes


def test_of_several_magnifications_a_wider_interval_decides(made):
    for magnification in (40, 100):
        gain_in_patches(made, 4, magnification)
    mean, *columns = made.compare("base", "new", metric="patch_accuracy").pairs[0].places
    for place in columns:
        boot = next(o for o in place.outcomes if o.name == "bootstrap")
        assert (boot.interval.level, boot.deciding.level) == (0.95, 0.975)
        assert boot.deciding.low < boot.interval.low
        assert place.comparison.of_trained == "higher"
    assert next(o for o in mean.outcomes if o.name == "bootstrap").deciding is None
