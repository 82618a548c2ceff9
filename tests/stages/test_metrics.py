"""Metrics as Section 4.1 words them, on examples small enough to work out by hand."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcs_bench.data.index import DatasetFacts
from mpcs_bench.stages.metrics import image_votes, metric_rows, score
from mpcs_bench.stages.probabilities import softmax

BINARY = ("benign", "malignant")


def facts(
    classes: tuple[str, ...] = BINARY, levels: tuple[str, ...] = ("image", "patient")
) -> DatasetFacts:
    return DatasetFacts("made", "1", {}, classes, (40, 100), ("patient",), "patient", levels)


def prediction(
    image: str,
    *,
    label: int,
    predicted: int,
    patient: str = "p",
    logits: list[float] | None = None,
    patch: int = 0,
    part: str = "test",
    magnification: int = 100,
    threshold: float | None = 0.5,
) -> dict[str, Any]:
    if logits is None:
        logits = [0.0, 0.0]
        logits[predicted] = 1.0
    return {
        "part": part,
        "sample_id": f"{image}/{patch}",
        "image_id": image,
        "patient_id": patient,
        "magnification": magnification,
        "patch_index": patch,
        "label": label,
        "predicted": predicted,
        "logits": logits,
        "threshold": threshold if len(logits) == 2 else None,
    }


def values(
    predictions: list[dict[str, Any]], dataset: DatasetFacts
) -> dict[str, tuple[float, int]]:
    return {row["metric"]: (row["value"], row["n"]) for row in metric_rows(predictions, dataset)}


def of_patients(*patients: tuple[int, int]) -> list[dict[str, Any]]:
    """Malignant images of patients, each told as (right, of all)."""
    return [
        prediction(
            f"p{number}-{image}", label=1, predicted=int(image < right), patient=f"p{number}"
        )
        for number, (right, total) in enumerate(patients)
        for image in range(total)
    ]


# Section 4.1.1


def test_image_and_patient_level_accuracy_differ_where_patients_have_unequal_images() -> None:
    # Patient one: 9 of 10 images right; patient two: 1 of 2. ILA = 10 / 12, PLA = (0.9 + 0.5) / 2.
    found = values(of_patients((9, 10), (1, 2)), facts())
    assert found["image_accuracy"] == (pytest.approx(10 / 12), 12)
    assert found["patient_accuracy"] == (pytest.approx(0.7), 2)


patients_of = st.lists(
    st.integers(1, 12).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))),
    min_size=1,
    max_size=8,
)


@settings(max_examples=50)
@given(patients=patients_of)
def test_patient_level_accuracy_is_the_mean_of_the_patients_means(
    patients: list[tuple[int, int]],
) -> None:
    found = values(of_patients(*patients), facts())
    assert found["patient_accuracy"][0] == pytest.approx(np.mean([r / n for r, n in patients]))
    assert found["patient_accuracy"][1] == len(patients)
    right, total = np.sum(patients, axis=0)
    assert found["image_accuracy"] == (pytest.approx(right / total), total)


@settings(max_examples=20)
@given(patients=patients_of, order=st.randoms(use_true_random=False))
def test_metrics_do_not_depend_on_the_order_of_predictions(
    patients: list[tuple[int, int]], order: Any
) -> None:
    predictions = of_patients(*patients)
    shuffled = predictions.copy()
    order.shuffle(shuffled)
    found, again = values(predictions, facts()), values(shuffled, facts())
    assert found.keys() == again.keys()
    for name in found:
        assert again[name] == pytest.approx(found[name])


def test_patients_are_told_apart_by_their_id_and_not_by_their_images() -> None:
    twins = [
        prediction("a", label=1, predicted=1, patient="M_DC_14-13412"),
        prediction("b", label=1, predicted=0, patient="M_LC_14-13412"),
    ]
    assert values(twins, facts())["patient_accuracy"] == (0.5, 2)


def test_without_patients_there_is_no_patient_level_accuracy() -> None:
    found = values(of_patients((1, 2)), facts(levels=("image",)))
    assert "patient_accuracy" not in found
    assert "patch_accuracy" not in found


# Majority vote


def patches(*predicted: int, label: int = 1, logits: Any = None) -> list[dict[str, Any]]:
    return [
        prediction(
            "i", label=label, predicted=p, patch=k, logits=None if logits is None else logits[k]
        )
        for k, p in enumerate(predicted)
    ]


def test_an_image_is_what_most_of_its_patches_are_the_first_patch_included() -> None:
    levels = facts(levels=("patch", "image"))
    found = values(patches(1, 1, 0), levels)
    assert found["image_accuracy"] == (1.0, 1)
    assert found["patch_accuracy"] == (pytest.approx(2 / 3), 3)
    # were the first vote lost, the other two would tie
    assert values(patches(0, 0, 1, label=0), levels)["image_accuracy"] == (1.0, 1)


@pytest.mark.parametrize(("sure", "expected"), [(0, 0), (1, 1)])
def test_a_tie_goes_to_the_class_with_the_larger_sum_of_probabilities(
    sure: int, expected: int
) -> None:
    logits = [[3.0, 0.0], [0.0, 1.0]] if sure == 0 else [[1.0, 0.0], [0.0, 3.0]]
    votes = image_votes(_frame(patches(0, 1, logits=logits)))
    assert votes["predicted"].tolist() == [expected]


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0.3, 1), (0.5, 0), (0.9, 0)], ids=["low", "half", "high"]
)
def test_a_tie_of_two_classes_is_held_to_the_threshold(threshold: float, expected: int) -> None:
    # P(positive) is 0.2 and 0.6: their mean, 0.4, reaches 0.3 and not 0.5
    logits = [[0.0, float(np.log(p / (1 - p)))] for p in (0.2, 0.6)]
    predictions = [
        prediction("i", label=1, predicted=k, patch=k, logits=logits[k], threshold=threshold)
        for k in range(2)
    ]
    assert image_votes(_frame(predictions))["predicted"].tolist() == [expected]


def test_a_majority_is_not_held_to_the_threshold() -> None:
    logits = [[0.0, -9.0], [0.0, 1.0], [0.0, 1.0]]
    predictions = [
        prediction("i", label=1, predicted=p, patch=k, logits=logits[k], threshold=0.7)
        for k, p in enumerate((0, 1, 1))
    ]
    assert image_votes(_frame(predictions))["predicted"].tolist() == [1]


def test_probabilities_are_the_softmax_of_the_logits_in_float64() -> None:
    logits = np.array([[1.0, -2.0, 0.5], [3e38, 0.0, -3e38]], dtype=np.float32)
    found = softmax(logits)
    assert found.dtype == np.float64
    assert found == pytest.approx(scipy.special.softmax(logits.astype(np.float64), axis=1))


def test_a_tie_of_three_classes_is_among_the_tied_only() -> None:
    # classes 0 and 1 tie with two votes each; class 2 has the largest mass and one vote
    logits = [[1.0, 0, 0.9], [1.0, 0, 0.9], [0, 2.0, 1.9], [0, 2.0, 1.9], [0, 0, 9.0]]
    predictions = [
        prediction("i", label=1, predicted=p, patch=k, logits=logits[k])
        for k, p in enumerate([0, 0, 1, 1, 2])
    ]
    assert image_votes(_frame(predictions))["predicted"].tolist() == [1]


def test_votes_follow_the_decisions_and_not_the_logits() -> None:
    # a threshold of 0.2 calls both patches malignant, though both logits favour benign
    logits = [[0.5, 0.0], [0.5, 0.0]]
    assert image_votes(_frame(patches(1, 1, logits=logits)))["predicted"].tolist() == [1]


def test_huge_logits_do_not_overflow() -> None:
    votes = image_votes(_frame(patches(0, 1, logits=[[3e38, -3e38], [0.0, 1.0]])))
    assert votes["mean_positive"].tolist() == pytest.approx([(0 + 1 / (1 + np.exp(-1))) / 2])


# Precision, recall, F1, balanced accuracy, AUROC


def test_binary_metrics_on_a_worked_confusion_matrix() -> None:
    # 3 true positives, 1 false positive, 2 false negatives, 4 true negatives
    cells = [(1, 1)] * 3 + [(0, 1)] + [(1, 0)] * 2 + [(0, 0)] * 4
    predictions = [
        prediction(f"i{k}", label=label, predicted=predicted)
        for k, (label, predicted) in enumerate(cells)
    ]
    found = values(predictions, facts())
    assert found["image_accuracy"] == (pytest.approx(0.7), 10)
    assert found["image_precision"] == (pytest.approx(3 / 4), 10)
    assert found["image_recall"] == (pytest.approx(3 / 5), 10)
    assert found["image_balanced_accuracy"] == (pytest.approx((3 / 5 + 4 / 5) / 2), 10)
    f1 = {1: 2 * 3 / (2 * 3 + 1 + 2), 0: 2 * 4 / (2 * 4 + 2 + 1)}
    assert found["image_f1_weighted"] == (pytest.approx((f1[1] * 5 + f1[0] * 5) / 10), 10)
    # of 5 x 5 pairs of a positive and a negative 3 x 4 rank right, 3 x 1 and 2 x 4 tie
    assert found["image_auroc"] == (pytest.approx((12 + 0.5 * 11) / 25), 10)


def test_a_part_of_one_class_has_no_auroc_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = values([prediction("a", label=0, predicted=0)], facts())
    assert "image_auroc" not in found
    assert found["image_precision"] == (0.0, 1)
    assert found["image_balanced_accuracy"] == (1.0, 1)


def test_several_classes_have_no_binary_metrics() -> None:
    three = facts(("normal", "benign", "invasive"))
    predictions = [
        prediction(f"i{k}", label=label, predicted=p, logits=list(np.eye(3)[p]))
        for k, (label, p) in enumerate([(0, 0), (0, 1), (1, 1), (2, 2)])
    ]
    found = values(predictions, three)
    assert found["image_accuracy"] == (0.75, 4)
    assert found["image_balanced_accuracy"] == (pytest.approx((0.5 + 1 + 1) / 3), 4)
    assert not {"image_precision", "image_recall", "image_auroc"} & set(found)


# Rows


def test_parts_and_magnifications_are_kept_apart() -> None:
    predictions = [
        prediction("a", label=1, predicted=1, part="test", magnification=40),
        prediction("b", label=1, predicted=0, part="test", magnification=100),
        prediction("a", label=1, predicted=1, part="validation", magnification=40),
    ]
    rows = [r for r in metric_rows(predictions, facts()) if r["metric"] == "image_accuracy"]
    found = {(r["part"], r["test_magnification"]): r["value"] for r in rows}
    assert found == {("test", 40): 1.0, ("test", 100): 0.0, ("validation", 40): 1.0}


def test_a_selection_scores_all_magnifications_together() -> None:
    predictions = [
        prediction("a", label=1, predicted=1, magnification=40),
        prediction("b", label=1, predicted=0, magnification=100),
    ]
    assert score(predictions, facts(), "image_accuracy") == 0.5


def test_no_predictions_have_no_metrics() -> None:
    assert metric_rows([], facts()) == []


def _frame(predictions: list[dict[str, Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame(predictions)


def test_the_released_codes_vote_loses_the_first_patch_and_gives_ties_to_the_lowest_class() -> None:
    patches = [
        prediction("a", label=1, predicted=0, patch=0),
        prediction("a", label=1, predicted=0, patch=1),
        prediction("a", label=1, predicted=1, patch=2),
        prediction("a", label=1, predicted=1, patch=3),
        prediction("b", label=1, predicted=1, patch=5, logits=[0.0, 3.0]),
        prediction("b", label=1, predicted=0, patch=6, logits=[0.1, 0.0]),
        prediction("b", label=1, predicted=1, patch=7, logits=[0.0, 3.0]),
        prediction("c", label=1, predicted=1, patch=0),
    ]
    frame = pd.DataFrame(patches)

    released = image_votes(frame, "majority-but-first")["predicted"].to_dict()

    assert released == {"a": 1, "b": 0, "c": 1}
    assert image_votes(frame)["predicted"].to_dict()["b"] == 1, "a majority of two to one"
    metrics = {
        vote: score(patches, facts(levels=("patch", "image")), "image_accuracy", vote)
        for vote in ("majority", "majority-but-first")
    }
    assert metrics == {"majority": 1.0, "majority-but-first": pytest.approx(2 / 3)}
