"""Every test under one null: correlated images of patients, folds that share their training's luck.

Two to four methods, alike by design. 80 patients in five folds of 16, with 5 to 30 images each. An
image is right with a chance that its patient's difficulty (shared by the methods), the patient's
liking of a method, and the fold's training decide. Asked about the trained models, the training is
the same for all methods; asked about the methods, each has its own luck: differences of folds
scatter by about 3 points for it, correlated by 0.2 between folds, as shared training data make it.

The rates that docs/statistics.md states, beside those of the other simulations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from scipy import special

from mpcs_bench.stats import (
    bootstrap_image_mean,
    bootstrap_patient_mean,
    bootstrap_stratified,
    corrected_resampled_t,
    friedman_nemenyi,
    mcnemar,
    naive_paired_t,
    patient_sign_flip,
    proportion_intervals,
    sign_flip,
    wilcoxon_signed_rank,
)

pytestmark = pytest.mark.slow

FOLDS, PATIENTS = 5, 80
EASE, DIFFICULTY, LIKING = 1.7, 1.0, 0.6
TRAINING = 0.17
"""All in logits."""
SHARED = 0.2
RUNS = 1000


class Study(NamedTuple):
    """Images: whose they are, and which each method has right; folds by patient."""

    patient: np.ndarray
    right: np.ndarray
    fold: np.ndarray

    @property
    def by_patient(self) -> np.ndarray:
        """Patient-level accuracy of each method [k, patients]."""
        counts = np.bincount(self.patient)
        return np.array([np.bincount(self.patient, own) / counts for own in self.right])

    @property
    def by_fold(self) -> np.ndarray:
        """Mean patient-level accuracy of each method in each fold, in points [k, folds]."""
        return 100 * np.array([np.bincount(self.fold, own) for own in self.by_patient]) / 16


def study(generator: np.random.Generator, training: float, methods: int = 2) -> Study:
    fold = generator.permutation(np.arange(PATIENTS) % FOLDS)
    patient = np.repeat(np.arange(PATIENTS), generator.integers(5, 31, PATIENTS))
    difficulty = generator.normal(EASE, DIFFICULTY, PATIENTS)
    liking = generator.normal(scale=LIKING, size=(methods, PATIENTS))
    luck = SHARED**0.5 * generator.normal(size=(methods, 1))
    luck = luck + (1 - SHARED) ** 0.5 * generator.normal(size=(methods, FOLDS))
    chance = special.expit(difficulty + liking + training * luck[:, fold])
    return Study(patient, generator.random((methods, patient.size)) < chance[:, patient], fold)


def excludes_zero(interval) -> bool:
    return interval is not None and (interval.low > 0 or interval.high < 0)


def alarms(generator: np.random.Generator, training: float) -> dict[str, bool]:
    """Ask every test of two methods that are alike whether they differ."""
    data = study(generator, training)
    seed = int(generator.integers(2**31))
    folds = data.by_fold[0] - data.by_fold[1]
    patients = data.by_patient[0] - data.by_patient[1]
    images = data.right[0].astype(int) - data.right[1].astype(int)
    names = np.arange(PATIENTS)
    mean = bootstrap_patient_mean(names, patients, draws=499, seed=seed)
    ratio = bootstrap_image_mean(data.patient, images, draws=499, seed=seed)
    drawn = bootstrap_stratified(data.patient % 2, images, draws=199, seed=seed)
    return {
        "corrected t": corrected_resampled_t(folds, 0.25).p <= 0.05,
        "naive t": naive_paired_t(folds).p <= 0.05,
        "sign-flip by fold": sign_flip(folds).p <= 0.05,
        "wilcoxon by fold": wilcoxon_signed_rank(folds).p <= 0.05,
        "sign-flip by patient": patient_sign_flip(names, patients, draws=499, seed=seed).p <= 0.05,
        "patients, percentile": excludes_zero(mean.percentile),
        "patients, bca": excludes_zero(mean.bca),
        "ratio, percentile": excludes_zero(ratio.percentile),
        "ratio, bca": excludes_zero(ratio.bca),
        "images within classes": excludes_zero(drawn.percentile),
        "mcnemar": mcnemar(*data.right, clusters=data.patient).p <= 0.05,
    }


OUT_OF_REACH = ("sign-flip by fold", "wilcoxon by fold")


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (
            0.0,
            {
                "corrected t": 0.013,
                "naive t": 0.043,
                "sign-flip by patient": 0.042,
                "patients, percentile": 0.055,
                "patients, bca": 0.060,
                "ratio, percentile": 0.059,
                "ratio, bca": 0.061,
                "images within classes": 0.168,
                "mcnemar": 0.151,
            },
        ),
        (
            TRAINING,
            {
                "corrected t": 0.019,
                "naive t": 0.072,
                "sign-flip by patient": 0.132,
                "patients, percentile": 0.150,
                "patients, bca": 0.157,
                "ratio, percentile": 0.151,
                "ratio, bca": 0.157,
                "images within classes": 0.332,
                "mcnemar": 0.310,
            },
        ),
    ],
    ids=["asked about the trained models", "asked about the methods"],
)
def test_every_test_of_two_methods(training, expected, rate, about):
    names: list[str] = []

    def asked(generator):
        found = alarms(generator, training)
        names[:] = found
        return list(found.values())

    shares = rate(asked, 70, RUNS)
    seen = dict(zip(names, shares, strict=True))
    for name in OUT_OF_REACH:
        assert seen.pop(name) == 0, name
    assert seen == {name: about(share, RUNS) for name, share in expected.items()}


@pytest.mark.parametrize(
    ("training", "friedman", "nemenyi"), [(0.0, 0.026, 0.032), (TRAINING, 0.058, 0.065)]
)
def test_ranks_of_four_methods_over_five_folds(training, friedman, nemenyi, rate, about):
    def asked(generator):
        outcome = friedman_nemenyi(study(generator, training, 4).by_fold.T, list("abcd"))
        return outcome.p <= 0.05, min(pair.p for pair in outcome.pairs) <= 0.05

    omnibus, pairs = rate(asked, 71, RUNS)
    assert omnibus == about(friedman, RUNS)
    assert pairs == about(nemenyi, RUNS)


def chance_of_a_new_image() -> float:
    """Average the chance over difficulty and liking, without any luck of training."""
    z = np.linspace(-8, 8, 4001)
    weights = np.exp(-(z**2) / 2)
    chances = special.expit(EASE + (DIFFICULTY**2 + LIKING**2) ** 0.5 * z)
    return float(weights @ chances / weights.sum())


def test_intervals_of_a_proportion_are_too_short_for_images_of_patients(rate, about):
    truth = chance_of_a_new_image()

    def held(generator):
        right = study(generator, 0.0, 1).right[0]
        outcome = proportion_intervals(int(right.sum()), right.size)
        return [i.low <= truth <= i.high for i in (outcome.wilson, outcome.clopper_pearson)]

    assert tuple(rate(held, 72)) == (about(0.67), about(0.674))
