"""Validation groups carved from training, and label fractions that nest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.data.splits_subsets import carve_validation, label_subset
from mpcs_bench.errors import SplitError

FRACTIONS = [0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.99, 1.0]


@st.composite
def cohorts(draw, least):
    rows = []
    for label in ("benign", "malignant"):
        for case in range(draw(st.integers(least, 25))):
            rows += [(label, "A", f"{label}{case}", f"{label}{case}")] * draw(st.integers(1, 3))
    return rows


@given(rows=cohorts(2), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 2**40))
def test_validation_tears_no_group_and_both_sides_have_every_class(
    make_index, rows, fraction, seed
):
    index = make_index(rows)
    every = np.arange(len(index))
    training, validation = carve_validation(index, every, None, fraction, seed)
    cases, labels = index.text("group_case"), index.number("label_index")
    assert sorted([*training, *validation]) == every.tolist()
    assert not set(cases[training]) & set(cases[validation])
    assert set(labels[training]) == set(labels[validation]) == {0, 1}
    for label in (0, 1):
        all_groups = len(set(cases[labels == label]))
        chosen = len(set(cases[validation[labels[validation] == label]]))
        assert abs(chosen - fraction * all_groups) <= 1


@given(rows=cohorts(1), seed=st.integers(0, 2**40))
def test_label_fractions_nest_and_keep_every_class(make_index, rows, seed):
    index = make_index(rows)
    every = np.arange(len(index))
    cases, labels = index.text("group_case"), index.number("label_index")
    smaller = set()
    for fraction in FRACTIONS:
        chosen = label_subset(index, every, None, fraction, seed)
        assert smaller <= set(chosen.tolist())
        assert set(labels[chosen]) == {0, 1}
        groups = set(cases[chosen])
        assert set(np.flatnonzero(np.isin(cases, list(groups))).tolist()) == set(chosen.tolist())
        for label in (0, 1):
            total = len(set(cases[labels == label]))
            taken = len(set(cases[chosen[labels[chosen] == label]]))
            assert taken == max(1, int(total * fraction + 0.5 + 1e-9))
        smaller = set(chosen.tolist())
    assert smaller == set(every.tolist())


@given(seed=st.integers(0, 2**40), fraction=st.sampled_from(FRACTIONS))
def test_groups_of_both_classes_still_nest_and_keep_every_class(make_index, seed, fraction):
    rows = [("benign", "A", f"c{i}", f"c{i}") for i in range(8) for _ in range(3)]
    rows += [("malignant", "DC", f"c{i}", f"c{i}") for i in range(3)]
    index = make_index(rows)
    chosen = label_subset(index, np.arange(len(index)), None, fraction, seed)
    assert set(index.number("label_index")[chosen]) == {0, 1}
    assert set(chosen) <= set(label_subset(index, np.arange(len(index)), None, 1.0, seed))


@given(rows=cohorts(2), seed=st.integers(0, 1000), order=st.integers(0, 100))
def test_the_choice_depends_on_names_not_on_row_order(make_index, rows, seed, order):
    plain, mixed = make_index(rows), make_index(rows, shuffle=order)
    every = np.arange(len(plain))
    assert np.array_equal(
        label_subset(plain, every, None, 0.3, seed),
        label_subset(mixed, every[::-1], None, 0.3, seed)[::-1],
    )


def test_another_group_in_the_part_moves_no_group_past_another(make_index):
    rows = [(c, "A", f"{c}{i}", f"{c}{i}") for c in ("benign", "malignant") for i in range(10)]
    fewer, more = make_index(rows), make_index([*rows, ("benign", "A", "extra", "extra")])
    before = set(fewer.text("group_case")[label_subset(fewer, np.arange(20), None, 0.5, 3)])
    after = set(more.text("group_case")[label_subset(more, np.arange(21), None, 0.5, 3)])
    assert len(before - after) <= 1


def test_only_the_rows_given_are_divided(make_index):
    rows = [(c, "A", f"{c}{i}", f"{c}{i}") for c in ("benign", "malignant") for i in range(6)]
    part = np.array([0, 1, 2, 6, 7, 8])
    training, validation = carve_validation(make_index(rows), part, "patient", 0.34, 0)
    assert sorted([*training, *validation]) == part.tolist()


def test_a_class_with_one_group_cannot_give_validation(make_index):
    rows = [("benign", "A", "b", "b")] + [("malignant", "DC", f"m{i}", f"m{i}") for i in range(4)]
    with pytest.raises(SplitError, match="'benign' has 1 groups"):
        carve_validation(make_index(rows), np.arange(5), None, 0.2, 0)


@pytest.mark.parametrize("fraction", [0, -0.1, 1.1])
def test_a_fraction_that_is_none_is_refused(make_index, fraction):
    with pytest.raises(SplitError, match="label fraction"):
        label_subset(make_index([("benign", "A", "p", "c")]), np.array([0]), None, fraction, 0)
