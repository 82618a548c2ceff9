"""Answers per image give the stored accuracies again, patched or not; otherwise nothing is said."""

from __future__ import annotations

import numpy as np
import pytest

from mpcs_bench.report.compare.answers import load_answers
from mpcs_bench.report.source import load


def book_and_values(made):
    with made.connection() as connection:
        source = load(connection, "exp")
        return load_answers(connection, source.cells), source.values


def test_patient_and_image_scores_are_those_of_the_stored_metrics(two):
    book, values = book_and_values(two)
    for value in values:
        own = book.images[value.cell_id, value.test_magnification]
        again = {"patient_accuracy": own.patient_accuracy, "image_accuracy": own.accuracy}
        if value.metric in again:
            assert again[value.metric] == pytest.approx(value.value, abs=1e-12)
    assert len(book.images) == 10


@pytest.mark.parametrize("classes", [2, 4])
def test_patches_vote_as_the_stored_accuracy_does(made, classes):
    random = np.random.default_rng(3)
    made.levels, made.classes = ("patch", "image"), classes
    for fold in range(2):
        rows = [
            made.patch(
                f"f{fold}i{image}",
                image % classes,
                int(random.integers(classes)),
                number,
                sure=float(np.float32(random.uniform(0.1, 3))),
            )
            for image in range(30)
            for number in range(4)
        ]
        made.add("base", rows, fold=fold, magnification=0)
    book, values = book_and_values(made)
    stored = {(v.cell_id, v.metric): v.value for v in values}
    for (cell, magnification), own in book.images.items():
        assert own.items.size == 30
        assert own.accuracy == pytest.approx(stored[cell, "image_accuracy"], abs=1e-12)
        patches = book.patches[cell, magnification]
        assert patches.items.size == 120
        assert patches.accuracy == pytest.approx(stored[cell, "patch_accuracy"], abs=1e-12)


def test_the_rule_by_which_patches_vote_is_that_of_the_cell(made):
    """Three patches say 1, 0, 0: of all three 0 wins, and of the last two as well; of 0, 1, 1 the
    first loses in either. With two patches 0, 1 only the released rule has no tie."""
    made.levels = ("patch", "image")
    rows = [made.patch("i", 1, 0, 0, sure=3.0), made.patch("i", 1, 1, 1, sure=0.5)]
    rule = {"finetuning.vote": "majority-but-first"}
    made.add("base", rows, magnification=0, metrics=[])
    made.add("first", rows, magnification=0, metrics=[], conditions=rule)
    book, _ = book_and_values(made)
    by_cell = [book.images[place].right.tolist() for place in sorted(book.images)]
    assert by_cell == [[0.0], [1.0]]


def test_predictions_that_contradict_the_stored_accuracy_are_not_used(made):
    made.fill("base", made.BASE)
    metric = {"part": "test", "test_magnification": 40, "metric": "patient_accuracy", "n": 4}
    for fold in range(5):
        rows = made.predictions([(f"f{fold}i{i}", f"f{fold}p", 0, i > 0) for i in range(5)], 40)
        made.add("new", rows, fold=fold, metrics=[metric | {"value": 0.9 + fold / 100}])
    (place,) = made.compare("base", "new").pairs[0].places
    assert "stored predictions of new, fold 0, give patient_accuracy 0.800000" in place.claim
    assert place.comparison.trained == ()
    assert place.comparison.test is not None
