"""The tests on real cross-validations: two methods that learn, and are alike by design.

Eighty patients of two classes, drawn anew each time, with 5 to 30 images each. A method is a ridge
classifier on its own sixty features; both sets of features are drawn alike, so over data sets
neither method is better. Nothing of what the tests assume about correlations is put in: the folds
share training patients, the images of a patient are alike, and training on few patients is noisy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from mpcs_bench.stats import (
    bootstrap_patient_mean,
    corrected_resampled_t,
    equivalence_to_published,
    gap_to_published,
    mcnemar,
    naive_paired_t,
    patient_sign_flip,
)

pytestmark = pytest.mark.slow

RUNS = 1000
PATIENTS, FEATURES, FOLDS = 80, 60, 5
INFORMATIVE, SIGNAL, SPREAD = 4, 0.35, 0.8


class Data(NamedTuple):
    patient: np.ndarray
    label: np.ndarray
    features: list[np.ndarray]


class Scored(NamedTuple):
    """Which images are right, and the patient-level accuracy of each patient and each fold."""

    right: np.ndarray
    by_patient: np.ndarray
    by_fold: np.ndarray


def draw(generator: np.random.Generator) -> Data:
    side = np.repeat([-1.0, 1.0], PATIENTS // 2)
    patient = np.repeat(np.arange(PATIENTS), generator.integers(5, 31, PATIENTS))
    features = []
    for _ in range(2):
        centre = generator.normal(scale=SPREAD, size=(PATIENTS, FEATURES))
        centre[:, :INFORMATIVE] += SIGNAL * side[:, None]
        features.append(centre[patient] + generator.normal(size=(patient.size, FEATURES)))
    return Data(patient, side[patient], features)


def cross_validate(generator: np.random.Generator, data: Data, method: int) -> Scored:
    fold = generator.permutation(np.arange(PATIENTS) % FOLDS)
    right = np.zeros(data.patient.size, dtype=bool)
    for held_out in range(FOLDS):
        test = fold[data.patient] == held_out
        train, label = data.features[method][~test], data.label[~test]
        mean = train.mean(axis=0)
        centred = train - mean
        weights = np.linalg.solve(
            centred.T @ centred + np.eye(FEATURES), centred.T @ (label - label.mean())
        )
        right[test] = ((data.features[method][test] - mean) @ weights > 0) == (data.label[test] > 0)
    by_patient = np.bincount(data.patient, right) / np.bincount(data.patient)
    return Scored(right, by_patient, np.bincount(fold, by_patient) / np.bincount(fold))


def test_which_tests_may_speak_of_methods(rate, about, at_most):
    """The corrected t. Patients and images as units find a difference far too often."""

    def alarms(generator):
        data = draw(generator)
        seed = int(generator.integers(2**31))
        # The same splits for both, as the harness has it.
        ours, theirs = (
            cross_validate(np.random.default_rng(seed), data, method) for method in range(2)
        )
        folds = ours.by_fold - theirs.by_fold
        patients = ours.by_patient - theirs.by_patient
        names = range(PATIENTS)
        low, high, _ = bootstrap_patient_mean(names, patients, draws=999, seed=seed).percentile
        return (
            corrected_resampled_t(folds, 0.25).p <= 0.05,
            naive_paired_t(folds).p <= 0.05,
            patient_sign_flip(names, patients, draws=999, seed=seed).p <= 0.05,
            low > 0 or high < 0,
            mcnemar(ours.right, theirs.right, clusters=data.patient).p <= 0.05,
        )

    corrected, naive, by_patient, bootstrap, images = rate(alarms, 1, RUNS)
    assert corrected <= at_most(0.05, RUNS)
    assert naive == about(0.13, RUNS)
    assert by_patient == about(0.14, RUNS)
    assert bootstrap == about(0.14, RUNS)
    assert images == about(0.54, RUNS)


def test_two_cross_validations_of_one_data_set_are_no_further_apart_than_assumed(rate, at_most):
    """One method, the same patients, other splits: a reproduction with nothing wrong."""

    def missed(generator):
        data = draw(generator)
        ours, theirs = (cross_validate(generator, data, 0).by_fold for _ in range(2))
        published = float(theirs.mean()), float(theirs.std(ddof=1)), FOLDS
        equivalence = equivalence_to_published(ours, *published, margin=0.03)
        return (
            abs(equivalence.difference) > equivalence.half_width,
            gap_to_published(ours, *published).p <= 0.05,
            equivalence.outcome == "differs",
        )

    outside, gap, differs = rate(missed, 2, RUNS)
    assert outside <= at_most(0.10, RUNS)
    assert gap <= at_most(0.05, RUNS)
    assert differs <= at_most(0.05, RUNS)
