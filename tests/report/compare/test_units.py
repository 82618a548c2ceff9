"""Patients whom a split keeps together are one unit; each still has a score of their own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.report.compare.units import patient_units
from mpcs_bench.stats import TRAINED_MODELS, bootstrap_ratio, sign_flip

names = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30)


def units(pairs):
    patients, groups = (np.array([f"{k}" for k in side]) for side in zip(*pairs, strict=True))
    return patients, groups, patient_units(patients, groups)


def test_a_patient_of_each_group_is_a_patient():
    _, _, found = units([(1, 7), (1, 7), (2, 8)])
    assert (found.unit, list(found.names), found.notes) == ("patient", ["1", "1", "2"], ())


def test_what_joins_patients_joins_them_through_others_too():
    """1 and 2 share group 7, 2 and 3 share group 8; 4 stands alone."""
    _, _, found = units([(1, 7), (2, 7), (2, 8), (3, 8), (4, 9)])
    assert list(found.names) == ["1", "1", "1", "1", "4"]
    assert found.unit == "patient group"
    assert found.notes == ("3 of 4 patients share a group with another: one unit",)


def test_a_patient_torn_into_several_groups_stays_one():
    _, _, found = units([(1, 7), (1, 8), (2, 9)])
    assert (found.unit, list(found.names)) == ("patient", ["1", "1", "2"])


@given(names)
def test_no_group_and_no_patient_is_torn_apart(pairs):
    patients, groups, found = units(pairs)
    for side in (patients, groups):
        for name in np.unique(side):
            assert np.unique(found.names[side == name]).size == 1
    assert found.unit == ("patient" if np.array_equal(found.names, patients) else "patient group")


@pytest.fixture
def cases(made):
    """Two methods on 20 patients, the first two of each fold being one case: 15 units."""
    made.group_of = {f"f{f}p{p}": f"case-{f}-{max(p, 1)}" for f in range(5) for p in range(4)}
    made.fill("base", made.BASE)
    made.fill("new", made.BETTER)
    return made


def by_name(found):
    (place,) = found.pairs[0].places
    return {outcome.name: outcome for outcome in place.outcomes}


def test_patients_of_one_case_flip_and_are_drawn_together_and_score_apart(cases):
    patients = (np.array(cases.BASE) - np.array(cases.BETTER)) / 5
    sums = np.column_stack([patients[:, 0] + patients[:, 1], patients[:, 2:]]).ravel()
    counts = np.tile([2, 1, 1], 5)
    found = by_name(cases.compare("base", "new"))
    flip, boot = found["sign-flip by item"], found["bootstrap"]
    assert (flip.n, flip.unit, flip.question) == (15, "patient group", TRAINED_MODELS)
    assert flip.difference == pytest.approx(patients.mean())
    assert flip.p == pytest.approx(sign_flip(sums).p)
    assert "by patient group" in flip.method
    assert "10 of 20 patients share a group with another: one unit" in flip.notes
    assert (boot.n, boot.question) == (15, TRAINED_MODELS)
    assert boot.interval == pytest.approx(bootstrap_ratio(sums, counts).bca, abs=1e-9)


def test_images_of_one_case_go_together_too(cases):
    found = by_name(cases.compare("base", "new", metric="image_accuracy"))
    assert {found[name].n for name in ("sign-flip by item", "bootstrap")} == {15}
    assert found["sign-flip by item"].unit == "patient group"
    assert found["mcnemar"].decisive is False
