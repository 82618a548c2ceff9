"""Metrics from predictions: patch, image and patient level, as Section 4.1 defines them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics as sklearn_metrics

from mpcs_bench.data.index import DatasetFacts
from mpcs_bench.stages.probabilities import softmax

MAJORITY, BUT_FIRST = "majority", "majority-but-first"


def metric_rows(
    predictions: Sequence[dict[str, Any]], dataset: DatasetFacts, vote: str = MAJORITY
) -> list[dict[str, Any]]:
    """Return the metrics of each part and test magnification, with the number of items `n`.

    `vote` is the rule by which an image's patches decide (see `image_votes`).
    """
    if not predictions:
        return []
    frame = pd.DataFrame(predictions)
    rows = []
    for (part, magnification), group in frame.groupby(["part", "magnification"], sort=True):
        for name, (value, n) in _metrics(group, dataset, vote).items():
            rows.append(
                {
                    "part": part,
                    "test_magnification": int(str(magnification)),
                    "metric": name,
                    "value": value,
                    "n": n,
                }
            )
    return rows


def score(
    predictions: Sequence[dict[str, Any]],
    dataset: DatasetFacts,
    metric: str,
    vote: str = MAJORITY,
) -> float:
    """Return one metric over all predictions given."""
    return _metrics(pd.DataFrame(predictions), dataset, vote)[metric][0]


def image_votes(frame: pd.DataFrame, vote: str = MAJORITY) -> pd.DataFrame:
    """Return one row per image: label, patient, and the majority vote of its patches.

    A tie in a binary data set (whose predictions carry a `threshold`) is decided as a patch is:
    positive where the mean of P(positive) over the patches reaches the threshold. With more
    classes a tie goes to the one with the largest sum of probabilities over the patches.
    The rule `majority-but-first` is the released code's: the first patch has no vote (unless it
    is the only one), and ties go to the lowest class.
    """
    if vote == BUT_FIRST:
        patches = frame.groupby("image_id")["patch_index"]
        alone = patches.transform("size") == 1
        frame = frame[alone | (frame["patch_index"] > patches.transform("min"))]
    probabilities = softmax(np.stack(frame["logits"].to_list()))
    classes = probabilities.shape[1]
    votes = np.eye(classes)[frame["predicted"].to_numpy()]
    columns = [f"vote_{c}" for c in range(classes)] + [f"sum_{c}" for c in range(classes)]
    table = pd.DataFrame(np.hstack([votes, probabilities]), columns=columns)
    table["image_id"] = frame["image_id"].to_numpy()
    table["patient_id"] = frame["patient_id"].to_numpy()
    table["label"] = frame["label"].to_numpy()
    # None, as for more than two classes, is NaN here
    table["threshold"] = np.array(frame["threshold"].to_numpy(), dtype=np.float64)
    images = table.groupby("image_id", sort=True).agg(
        {
            **dict.fromkeys(columns, "sum"),
            **dict.fromkeys(("patient_id", "label", "threshold"), "first"),
        }
    )
    counts = images[columns[:classes]].to_numpy()
    mass = images[columns[classes:]].to_numpy()
    tied = counts == counts.max(axis=1, keepdims=True)
    largest = np.where(tied, mass, -1.0).argmax(axis=1)
    images["mean_positive"] = mass[:, 1] / mass.sum(axis=1)
    threshold = images["threshold"].to_numpy()
    by_threshold = (tied.sum(axis=1) > 1) & ~np.isnan(threshold)
    reached = images["mean_positive"].to_numpy() >= threshold
    decided = np.where(by_threshold, reached, largest)
    images["predicted"] = (counts.argmax(axis=1) if vote == BUT_FIRST else decided).astype(np.int64)
    return images


def _metrics(frame: pd.DataFrame, dataset: DatasetFacts, vote: str) -> dict[str, tuple[float, int]]:
    images = image_votes(frame, vote)
    label, predicted = images["label"].to_numpy(), images["predicted"].to_numpy()
    correct = label == predicted
    n = len(images)
    _, _, f1, _ = sklearn_metrics.precision_recall_fscore_support(
        label, predicted, average="weighted", zero_division=0.0
    )
    found: dict[str, tuple[float, int]] = {
        "image_accuracy": (float(correct.mean()), n),
        "image_f1_weighted": (float(f1), n),
        "image_balanced_accuracy": (_balanced(label, correct), n),
    }
    if len(dataset.classes) == 2:
        precision, recall, _, _ = sklearn_metrics.precision_recall_fscore_support(
            label, predicted, average="binary", pos_label=1, zero_division=0.0
        )
        found["image_precision"] = (float(precision), n)
        found["image_recall"] = (float(recall), n)
        if len(set(label)) == 2:
            auc = sklearn_metrics.roc_auc_score(label, images["mean_positive"])
            found["image_auroc"] = (float(auc), n)
    if "patient" in dataset.metric_levels:
        # Section 4.1.1: the mean over patients of each patient's share of correct images.
        scores = pd.Series(correct).groupby(images["patient_id"].to_numpy()).mean()
        found["patient_accuracy"] = (float(scores.mean()), len(scores))
    if "patch" in dataset.metric_levels:
        right = (frame["label"] == frame["predicted"]).to_numpy()
        found["patch_accuracy"] = (float(right.mean()), len(frame))
    return found


def _balanced(label: Any, correct: Any) -> float:
    """Return the mean recall over the classes that are present."""
    return float(np.mean([correct[label == value].mean() for value in np.unique(label)]))
