"""A test that is wrong too often for some claim says so: in its record, and in the documents."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mpcs_bench.stats import (
    bayesian_correlated_t,
    bootstrap_image_mean,
    bootstrap_patient_mean,
    bootstrap_stratified,
    corrected_resampled_t,
    equivalence_to_published,
    friedman_nemenyi,
    gap_to_published,
    limits,
    mcnemar,
    naive_paired_t,
    paired_equivalence,
    patient_sign_flip,
    proportion_intervals,
    sign_flip,
    wilcoxon_signed_rank,
)

D = np.array([0.02, 0.01, 0.03, 0.01, 0.025, -0.01])
PATIENTS = list("aabbcc")

RECORDS = {
    "corrected t": (corrected_resampled_t(D, 0.25), limits.SEEDS_AS_FOLDS),
    "posterior": (bayesian_correlated_t(D, 0.25, rope=0.01), limits.SEEDS_AS_FOLDS),
    "paired equivalence": (paired_equivalence(D, 0.25, margin=0.03), limits.SEEDS_AS_FOLDS),
    "naive t": (naive_paired_t(D), limits.NAIVE_FOLDS),
    "sign-flip": (sign_flip(D), limits.FOLDS_SHARE_TRAINING),
    "wilcoxon": (wilcoxon_signed_rank(D), limits.FOLDS_SHARE_TRAINING),
    "sign-flip by patient": (patient_sign_flip(PATIENTS, D), limits.PATIENTS_SHARE_MODELS),
    "patients drawn": (bootstrap_patient_mean(PATIENTS, D), limits.NO_NEW_TRAINING),
    "images, patients drawn": (bootstrap_image_mean(PATIENTS, D), limits.NO_NEW_TRAINING),
    "images drawn": (bootstrap_stratified(PATIENTS, D), limits.IMAGES_DRAWN),
    "mcnemar": (mcnemar([1, 0, 1], [0, 1, 1]), limits.IMAGES_ERR_TOGETHER),
    "mcnemar of patients": (
        mcnemar([1, 0, 1], [0, 1, 1], clusters=list("aab")),
        limits.IMAGES_OF_PATIENTS,
    ),
    "proportion": (proportion_intervals(5, 8), limits.PROPORTION_OF_IMAGES),
    "ranks": (friedman_nemenyi(D.reshape(2, 3), list("abc")), limits.RANKS_OF_FOLDS),
    "equivalence": (
        equivalence_to_published(D, 0, 0.01, 5, margin=0.03),
        limits.PUBLISHED_ON_OTHER_DATA,
    ),
    "gap": (gap_to_published(D, 0, 0.01, 5), limits.GAP_ON_OTHER_DATA),
}
TEXTS = {
    name: text for name, text in vars(limits).items() if name.isupper() and isinstance(text, str)
}


@pytest.mark.parametrize(("record", "limit"), RECORDS.values(), ids=RECORDS)
def test_a_record_names_the_claim_that_it_does_not_support(record, limit):
    assert limit in record.not_for


def test_no_limit_is_without_a_record():
    assert {limit for _, limit in RECORDS.values()} == set(TEXTS.values())


def test_a_correction_of_both_sides_lifts_the_limit_to_data_of_ones_own():
    both = {"test_train_ratio": 0.25, "published_ratio": 0.25}
    assert equivalence_to_published(D, 0, 0.01, 5, margin=0.03, **both).not_for == ()


@pytest.mark.parametrize("name", TEXTS)
def test_every_rate_of_a_limit_stands_in_the_documents(name):
    """The slow tests simulate them: tests/stats/test_simul*.py."""
    page = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
    said = {float(number) for number in re.findall(r"(?<![\d.])0?\.\d+", page)}
    said |= {float(number) / 100 for number in re.findall(r"(\d+) %", page)}
    rates = {float(number) for number in re.findall(r"(?<![\d.])0\.\d\d", TEXTS[name])}
    assert rates <= said
