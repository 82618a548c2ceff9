"""The sign-flip test over patients: these trained models, on new patients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.stats import METHODS, TRAINED_MODELS, patient_sign_flip, sign_flip

# Darwin's maize, in eighths of an inch: Fisher, The Design of Experiments (1935), section 21,
# counts 1,726 of 32,768 arrangements at least as far from zero, on either side.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]

rows = st.lists(
    st.tuples(st.integers(0, 6), st.integers(-20, 20).map(lambda k: k / 20)),
    min_size=2,
    max_size=30,
)


def columns(table):
    return [name for name, _ in table], [value for _, value in table]


def test_fishers_count():
    assert patient_sign_flip(range(15), MAIZE).p == pytest.approx(1726 / 32768)


def test_seeds_of_a_patient_are_averaged_first():
    patients = ["a", "b", "c", "d", "e", "f"] * 2
    first = np.array([3, 1, 4, -1, 5, 9]) / 100
    seeds = np.concatenate([first + 0.02, first - 0.02])
    outcome = patient_sign_flip(patients, seeds)
    assert outcome.p == pytest.approx(sign_flip(first).p)
    assert (outcome.n, outcome.unit) == (6, "patient")


@given(rows, st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_matter(table, random):
    shuffled = random.sample(table, len(table))
    assert patient_sign_flip(*columns(shuffled)).p == pytest.approx(
        patient_sign_flip(*columns(table)).p
    )


@given(rows)
def test_swapping_the_methods_changes_no_p(table):
    patients, values = columns(table)
    one, other = (
        patient_sign_flip(patients, values),
        patient_sign_flip(patients, np.negative(values)),
    )
    assert one.p == pytest.approx(other.p)
    assert one.mean_difference == pytest.approx(-other.mean_difference)


@given(rows)
def test_rows_repeated_for_every_patient_add_nothing(table):
    patients, values = columns(table)
    assert patient_sign_flip(patients * 3, values * 3).p == pytest.approx(
        patient_sign_flip(patients, values).p
    )


@given(rows)
def test_p_is_never_below_what_it_calls_the_smallest(table):
    outcome = patient_sign_flip(*columns(table))
    assert outcome.smallest_p <= outcome.p + 1e-12


def test_many_patients_are_drawn_from_a_seed():
    generator = np.random.default_rng(5)
    values = generator.normal(1, 6, 80)
    outcome = patient_sign_flip(range(80), values, seed=1, draws=9_999)
    assert not outcome.exact
    assert outcome.p == patient_sign_flip(range(80), values, seed=1, draws=9_999).p
    assert outcome.p == pytest.approx(patient_sign_flip(range(80), values).p, abs=0.02)
    assert outcome.smallest_p == 2 / 10_000


def test_record_is_about_trained_models_and_not_about_methods():
    outcome = patient_sign_flip(range(15), MAIZE)
    assert outcome.question == TRAINED_MODELS == "these trained models, on new patients"
    assert sign_flip(MAIZE, unit="fold").question == METHODS
    assert any(line.startswith("methods") for line in outcome.not_for)


def test_patients_with_unequal_numbers_of_values_are_noted():
    outcome = patient_sign_flip(["a", "a", "b"], [0.1, 0.2, 0.3])
    assert any("1 to 2" in warning for warning in outcome.warnings)


@pytest.mark.parametrize(
    ("patients", "values", "message"),
    [(["a"], [0.1, 0.2], "do not match"), ([], [], "do not match"), (["a"], [np.nan], "finite")],
)
def test_what_cannot_be_grouped_is_refused(patients, values, message):
    with pytest.raises(ValueError, match=message):
        patient_sign_flip(patients, values)
