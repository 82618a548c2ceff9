"""Sets X(i): the images of one tissue sample, column by column, and who is left out."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.data.sets import eligible_sets, image_sets
from mpcs_bench.errors import DataError
from mpcs_bench.registry.strategy import PairStrategy

MAGNIFICATIONS = (40, 100, 200, 400)


class AnyTwo(PairStrategy):
    """Draws from any set with two magnifications."""

    name = "any-two"
    human_prior = 0
    degrees_of_freedom = 2

    def draw(self, sets, available, generator):
        raise NotImplementedError


IMAGES = st.lists(
    st.tuples(
        st.sampled_from(["A", "F"]),
        st.sampled_from(["p1", "p2"]),
        st.sampled_from(MAGNIFICATIONS),
        st.sampled_from(["1", "2", "3"]),
    ),
    min_size=1,
    max_size=40,
)


def indexed(make_index, images):
    rows = [("benign", kind, patient, "c") for kind, patient, _, _ in images]
    return make_index(rows, magnifications=[i[2] for i in images], sequences=[i[3] for i in images])


@given(images=IMAGES, by=st.sampled_from(["sequence", "patient"]), data=st.data())
def test_sets_are_those_of_a_plain_loop(make_index, images, by, data):
    index = indexed(make_index, images)
    chosen = data.draw(st.lists(st.sampled_from(range(len(images))), unique=True, min_size=1))
    magnifications = data.draw(st.lists(st.sampled_from(MAGNIFICATIONS), unique=True, min_size=1))
    expected = defaultdict(set)
    for row in chosen:
        kind, patient, magnification, sequence = images[row]
        if magnification in magnifications:
            key = "/".join([kind, patient, sequence][: 3 if by == "sequence" else 2])
            expected[key, magnification].add(row)
    if not expected:
        with pytest.raises(DataError, match="no image at the magnifications"):
            image_sets(index, np.array(chosen), magnifications, by)
        return
    sets = image_sets(index, np.array(chosen), magnifications, by)
    found = {}
    for i, name in enumerate(sets.ids):
        for m, magnification in enumerate(sets.magnifications):
            members = sets.members[sets.offsets[i, m] : sets.offsets[i, m + 1]]
            if len(members):
                found[name, magnification] = set(members.tolist())
    assert found == dict(expected)
    assert sets.available.sum() == sum(map(len, expected.values()))
    assert all(name.split("/")[1] == p for name, p in zip(sets.ids, sets.patient_ids, strict=True))


@given(images=IMAGES, order=st.randoms())
def test_the_order_of_rows_does_not_matter(make_index, images, order):
    index = indexed(make_index, images)
    rows = list(range(len(images)))
    order.shuffle(rows)
    mixed = image_sets(index, np.array(rows), MAGNIFICATIONS)
    plain = image_sets(index, np.arange(len(images)), MAGNIFICATIONS)
    assert mixed.ids == plain.ids
    assert np.array_equal(mixed.offsets, plain.offsets)
    assert np.array_equal(mixed.members, plain.members)


def test_complete_needs_every_magnification_and_strategy_what_it_can_draw_from(make_index):
    images = [("A", "p1", m, "1") for m in MAGNIFICATIONS]
    images += [("A", "p2", 40, "1"), ("A", "p2", 100, "1"), ("F", "p3", 200, "7")]
    sets = image_sets(indexed(make_index, images), np.arange(len(images)), MAGNIFICATIONS)
    complete, coverage = eligible_sets(sets, AnyTwo(), "complete")
    assert complete.ids == ("A/p1/1",)
    assert coverage.left_out == {
        "no image at 200X, 400X": 1,
        "no image at 40X, 100X, 400X": 1,
    }
    assert (coverage.sets, coverage.eligible) == (3, 1)
    assert (coverage.patients, coverage.patients_left_out) == (("p1",), ("p2", "p3"))
    loose, coverage = eligible_sets(sets, AnyTwo(), "strategy")
    assert loose.ids == ("A/p1/1", "A/p2/1")
    assert coverage.left_out == {"strategy 'any-two' cannot draw from 200X alone": 1}


@given(images=IMAGES, require=st.sampled_from(["complete", "strategy"]))
def test_no_set_is_dropped_silently(make_index, images, require):
    sets = image_sets(indexed(make_index, images), np.arange(len(images)), MAGNIFICATIONS)
    try:
        chosen, coverage = eligible_sets(sets, AnyTwo(), require)
    except DataError as error:
        assert "None of" in error.message
        return
    assert len(chosen) + sum(coverage.left_out.values()) == len(sets) == coverage.sets
    assert set(coverage.patients) | set(coverage.patients_left_out) == set(sets.patient_ids)
    assert not set(coverage.patients) & set(coverage.patients_left_out)


def test_no_eligible_set_is_an_error_with_the_reasons(make_index):
    sets = image_sets(indexed(make_index, [("A", "p", 40, "1")]), np.array([0]), MAGNIFICATIONS)
    with pytest.raises(DataError, match="no image at 100X, 200X, 400X: 1"):
        eligible_sets(sets, AnyTwo(), "complete")


def test_images_without_a_sequence_cannot_be_matched_by_it(make_index):
    index = make_index([("benign", "A", "p", "c")] * 2, sequences=["1", ""])
    with pytest.raises(DataError, match="1 images have no sequence number"):
        image_sets(index, np.arange(2), MAGNIFICATIONS)
    assert len(image_sets(index, np.arange(2), MAGNIFICATIONS, by="patient")) == 1


def test_breakhis_has_1558_complete_sets(breakhis_index):
    sets = image_sets(breakhis_index, np.arange(len(breakhis_index)), MAGNIFICATIONS)
    chosen, coverage = eligible_sets(sets, AnyTwo(), "complete")
    assert len(chosen) == 1558
    assert len(coverage.patients) + len(coverage.patients_left_out) == 82


def test_sets_by_number_join_the_two_tumour_types_of_patient_13412(breakhis_index):
    """As the released code does: its key drops the tumour type, and the two folders collide."""
    every = np.arange(len(breakhis_index))
    by_number = image_sets(breakhis_index, every, MAGNIFICATIONS, "number")
    by_sequence = image_sets(breakhis_index, every, MAGNIFICATIONS, "sequence")

    several = (by_number.available > 1).any(axis=1)
    collided = {name for name, more in zip(by_number.ids, several, strict=True) if more}
    assert collided
    assert {name.split("/")[0] for name in collided} == {"14-13412"}
    assert not (by_sequence.available > 1).any()
    assert by_number.available.sum() == by_sequence.available.sum() == len(breakhis_index)


def test_sets_by_number_need_patient_numbers(make_index):
    index = make_index([("benign", "A", "p", "c")], magnifications=[40], sequences=["1"])
    with pytest.raises(DataError, match="patient_number"):
        image_sets(index, np.arange(1), (40,), "number")
