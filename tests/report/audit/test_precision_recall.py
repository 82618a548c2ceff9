"""Precision and recall that cannot go with an accuracy are found; real ones pass."""

from __future__ import annotations

from statistics import fmean, pstdev, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from mpcs_bench.report.audit import audit_publication
from mpcs_bench.report.published import read_published

FOLDS = (12, 12, 12, 11, 11)


def cells(accuracy: str, precision: str, recall: str) -> list[dict[str, object]]:
    return [
        {"row": "ours", "column": "accuracy", "printed": accuracy},
        *(
            {"row": "ours", "column": name, "printed": text, "metric": f"image_{name}"}
            | {"unit": "fraction"}
            for name, text in (("precision", precision), ("recall", recall))
        ),
    ]


@pytest.mark.parametrize(
    ("printed", "severities"),
    [
        (("98.18", "0.99", "0.98"), []),  # one of 5 missed in a fold of 11, both classes alike
        (("98.18±4.07", "0.99±0.03", "0.98±0.04"), []),
        (("98.18±4.07", "0.99±0.01", "0.98±0.01"), ["error"]),
        (("98.18", "0.99", "0.90"), ["error"]),
        (("100.00", "1.00", "1.00"), []),
        (("100.00", "0.99", "1.00"), ["error"]),
    ],
)
def test_few_mistakes_decide_precision_and_recall(found, sizes, printed, severities):
    findings = found("precision-recall", cells(*printed), items=sizes(FOLDS))

    assert [finding.severity for finding in findings] == severities


@pytest.mark.parametrize(
    ("accuracy", "reason"),
    [
        ("98.14", "its accuracy cannot occur (rule grim)"),
        ("50.00", "more than 3 mistakes: too many ways to make them"),
    ],
)
def test_what_the_accuracy_does_not_decide_is_skipped(publish, sizes, accuracy, reason):
    paper = publish(cells(accuracy, "0.99", "0.98"), items=sizes(FOLDS))

    audit = audit_publication(paper, ["precision-recall"])

    assert audit.findings == ()
    assert [one.reason for one in audit.skipped] == [reason]


@st.composite
def answers(draw):
    """Draw true and given classes of five folds, with at most two mistakes in all."""
    truths = [
        [1] * (positives := draw(st.integers(2, n - 2))) + [0] * (n - positives) for n in FOLDS
    ]
    given_ = [list(fold) for fold in truths]
    for _ in range(draw(st.integers(0, 2))):
        fold = draw(st.integers(0, 4))
        place = draw(st.integers(0, FOLDS[fold] - 1))
        given_[fold][place] = 1 - truths[fold][place]
    return truths, given_


@given(
    answers(), st.sampled_from(["binary", "macro", "weighted"]), st.sampled_from([stdev, pstdev])
)
@settings(deadline=None, max_examples=25)
def test_real_answers_pass(tmp_path_factory, write, sizes, drawn, average, spread):
    truths, given_ = drawn
    accuracy = [
        fmean(a == b for a, b in zip(truth, answer, strict=True))
        for truth, answer in zip(truths, given_, strict=True)
    ]
    scores = [
        precision_recall_fscore_support(truth, answer, average=average, zero_division=0)[:2]
        for truth, answer in zip(truths, given_, strict=True)
    ]
    precision, recall = ([float(score[i]) for score in scores] for i in (0, 1))
    printed = [
        f"{scale * fmean(found):.2f}±{scale * spread(found):.2f}"
        for scale, found in ((100, accuracy), (1, precision), (1, recall))
    ]
    folder = write(
        tmp_path_factory.mktemp("drawn") / "acme-2024",
        {"table-1": cells(*printed)},
        items=sizes(FOLDS),
    )

    audit = audit_publication(read_published(folder), ["precision-recall", "grim", "grimmer"])

    assert audit.findings == ()
