"""The cohort: who is in it does not depend on how many are in it."""

from __future__ import annotations

from collections import Counter
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcs_paper.datasets.breakhis import MALIGNANT
from mpcs_paper.tissue.cohort import SMALLEST_STRATUM, cohort


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    small=st.integers(2, 60),
    more=st.integers(0, 60),
    malignant=st.floats(0.1, 0.9),
)
def test_a_larger_cohort_starts_with_the_smaller_one(
    seed: int, small: int, more: int, malignant: float
) -> None:
    larger = cohort(seed, small + more, 5.0, malignant)
    assert larger[:small] == cohort(seed, small, 5.0, malignant)


@given(seed=st.integers(0, 2**31), patients=st.integers(2, 300))
@settings(max_examples=20, deadline=None)
def test_no_two_patients_share_a_number(seed: int, patients: int) -> None:
    numbers = [patient.number for patient in cohort(seed, patients, 1.0, 0.6)]
    assert len(set(numbers)) == patients


@pytest.mark.parametrize("patients", [20, 80, 120])
def test_every_tumour_type_has_patients_for_five_folds(patients: int) -> None:
    strata = Counter(patient.subtype for patient in cohort(0, patients, 5.0, 0.6))
    assert min(strata.values()) >= SMALLEST_STRATUM


def test_eighty_patients_have_all_eight_tumour_types_and_mostly_ductal_carcinoma() -> None:
    strata = Counter(patient.subtype for patient in cohort(0, 80, 5.0, 0.6))
    assert len(strata) == 8
    assert strata.most_common(1)[0][0] == "DC"


@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.6])
def test_the_malignant_fraction_is_kept_at_every_size(fraction: float) -> None:
    patients = cohort(0, 100, 5.0, fraction)
    for size in range(2, 101):
        malignant = sum(patient.malignant for patient in patients[:size])
        assert abs(malignant - fraction * size) <= 1.0


def test_class_and_tumour_type_agree() -> None:
    assert all((p.subtype in MALIGNANT) == p.malignant for p in cohort(0, 80, 5.0, 0.6))


def test_patients_have_different_numbers_of_samples_about_the_mean() -> None:
    counts = [patient.samples for patient in cohort(0, 400, 5.0, 0.6)]
    assert min(counts) >= 1
    assert max(counts) >= 10
    assert fmean(counts) == pytest.approx(5.0, abs=0.5)
