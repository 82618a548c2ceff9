"""The smallest p that printed numbers leave possible is below any that real folds can give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mpcs_bench.errors import Location
from mpcs_bench.report.audit import audit_publication
from mpcs_bench.report.audit.reach import fold_pair, over_folds, over_means, together
from mpcs_bench.report.audit.significance import ratio_of
from mpcs_bench.report.published import PublishedCell
from mpcs_bench.stats import corrected_resampled_t, naive_paired_t

pytestmark = pytest.mark.filterwarnings("ignore:Precision loss")
FOLDS = 5
RATIO = 0.25
ACCURACIES = st.lists(st.integers(60, 99), min_size=2 * FOLDS, max_size=2 * FOLDS).map(
    lambda numbers: np.array(numbers, dtype=float).reshape(2, FOLDS)
)


def printed(values: np.ndarray, ddof: int, decimals: int) -> PublishedCell:
    """Print mean and deviation of fold values, as a paper does."""
    mean, sd = round(float(values.mean()), decimals), round(float(values.std(ddof=ddof)), decimals)
    text = f"{mean:.{decimals}f}±{sd:.{decimals}f}"
    return PublishedCell("t", "r", "c", text, Location("f"), mean, sd, decimals, decimals)


def real(folds: np.ndarray) -> dict[str, float]:
    """Return the p that each test gives on the folds themselves."""
    difference = folds[0] - folds[1]
    found = {"Mann-Whitney": stats.mannwhitneyu(*folds, method="exact").pvalue}
    if np.ptp(difference):
        found["paired t, naive"] = naive_paired_t(difference).p
        found["corrected"] = corrected_resampled_t(difference, RATIO).p
    if np.ptp(folds[0]) or np.ptp(folds[1]):
        found["unpaired t"] = stats.ttest_ind(*folds).pvalue
    if np.unique(np.abs(difference)).size == FOLDS and np.all(difference):
        found["Wilcoxon"] = stats.wilcoxon(difference, method="exact").pvalue
    return found


@given(ACCURACIES, st.sampled_from([1, 0]), st.integers(0, 2))
@settings(deadline=None, max_examples=150)
def test_no_folds_give_a_smaller_p_than_what_is_printed_allows(folds, ddof, decimals):
    pair = fold_pair(*(printed(values, ddof, decimals) for values in folds), FOLDS)
    assert pair is not None

    reached = {reach.test: reach.p for reach in over_folds(pair, RATIO)}

    assert len(reached) == 5
    for name, p in real(folds).items():
        bound = next(p for test, p in reached.items() if test.startswith(name))
        assert bound <= p * (1 + 1e-9)


@given(st.lists(ACCURACIES, min_size=2, max_size=4))
@settings(deadline=None, max_examples=80)
def test_nor_do_magnifications_together(magnifications):
    cells = [(printed(folds[0], 1, 1), printed(folds[1], 1, 1)) for folds in magnifications]
    pairs = [fold_pair(*cell, FOLDS) for cell in cells]
    ours, theirs = np.concatenate(magnifications, axis=1)
    means = np.array([folds.mean(axis=1) for folds in magnifications])
    printed_means = [(one.mean or 0) - (other.mean or 0) for one, other in cells]

    paired, unpaired = together(pairs, cells)
    over = over_means(printed_means, slack=0.1)[0]

    if np.ptp(ours - theirs):
        assert paired.p <= stats.ttest_rel(ours, theirs).pvalue * (1 + 1e-9)
    if np.ptp(ours) or np.ptp(theirs):
        assert unpaired.p <= stats.ttest_ind(ours, theirs).pvalue * (1 + 1e-9)
    if np.ptp(means[:, 0] - means[:, 1]) > 1e-9:
        assert over.p <= stats.ttest_rel(means[:, 0], means[:, 1]).pvalue * (1 + 1e-9)


def test_mann_whitney_needs_the_folds_to_part():
    near, far = (
        fold_pair(printed(np.array([80.0, 82, 84, 86, 88]), 1, 2), other, FOLDS)
        for other in (
            printed(np.array([79.0, 81, 83, 85, 87]), 1, 2),
            printed(np.array([60.0, 62, 64, 66, 68]), 1, 2),
        )
    )

    assert over_folds(far, RATIO)[-1].p == pytest.approx(2 / math.comb(10, 5))
    assert over_folds(near, RATIO)[-1].p == pytest.approx(4 / math.comb(10, 5))


@pytest.mark.parametrize(
    ("fraction", "ratio"), [(None, 0.25), (1.0, 0.25), (0.8, 0.25), (0.2, 1.0), (0.05, 4.0)]
)
def test_the_ratio_is_that_of_the_larger_training_set(fraction, ratio):
    assert ratio_of(fraction, 5) == pytest.approx(ratio)


ITEMS = [80, 80, 80, 80, 80]


def one_claim(claim, p: float, **more):
    return claim(
        "significance",
        f"p < {p}",
        **{"claimed": {"p": p}, "paired_by": ["column"]},
        **{"subject": [{"table": "table-1", "rows": ["ours"]}]},
        **{"baseline": [{"table": "table-1", "rows": ["base"]}]},
        **more,
    )


def cells(ours: str, base: str):
    return [
        {"row": row, "column": "a", "printed": text}
        for row, text in (("ours", ours), ("base", base))
    ]


def out_of_reach(findings) -> list[str]:
    return [f.explanation.partition(", over")[0] for f in findings if f.severity == "out-of-reach"]


def test_each_test_out_of_whose_reach_a_claim_lies_is_told(found, claim, sizes):
    def told(ours: str, base: str, p: float) -> list[str]:
        return out_of_reach(
            found(
                "significance", cells(ours, base), claims=[one_claim(claim, p)], items=sizes(ITEMS)
            )
        )

    signs = "Wilcoxon signed rank or sign-flip, 5 pairs"
    assert told("90.00±1.00", "80.00±1.50", 0.05) == [signs]
    assert told("80.50±1.00", "80.00±4.00", 0.05) == [
        "paired t, naive",
        "corrected resampled t, n_test/n_train = 0.25",
        "unpaired t",
        signs,
    ]
    assert "Mann-Whitney, 5 against 5" in told("80.50±1.00", "80.00±4.00", 0.01)
    assert told("90.00±1.00", "80.00±1.50", 0.07) == []


def test_means_are_tested_in_every_way_that_a_text_may_mean(found, claim, magnified, sizes):
    rows = [
        *magnified("ours", "84.00±2.00", "85.00±2.00", "84.50±2.00"),
        *magnified("base", "80.00±2.50", "82.00±2.60", "81.00±2.55"),
    ]
    one = one_claim(claim, 0.05) | {
        "subject": [{"table": "table-1", "rows": ["ours"], "columns": ["mean"]}]
    }

    findings = found("significance", rows, claims=[one], items=sizes(ITEMS))

    titles = " ".join(finding.explanation for finding in findings)
    for way in (
        "over the printed means of the magnifications",
        "over the folds' averages of the magnifications",
        "over the folds, at each magnification",
    ):
        assert way in titles
    assert all("a two-sided p < 0.05" in f.explanation for f in findings[:-1])
    assert findings[-1].severity == "notice"
    assert "a one-sided one is half as large" in findings[-1].explanation
    assert "spread of the averages is not printed" in " ".join(findings[-1].details)


def test_without_a_number_of_folds_the_claim_is_skipped(publish, claim):
    paper = publish(cells("90.00±1.00", "80.00±1.00"), claims=[one_claim(claim, 0.05)])

    audit = audit_publication(paper, ["significance"])

    assert audit.findings == ()
    assert "number of folds" in audit.skipped[0].reason


def test_the_publication_may_say_its_number_of_folds(found, claim):
    findings = found(
        "significance",
        cells("90.00±1.00", "80.00±1.50"),
        claims=[one_claim(claim, 0.05)],
        folds=3,
    )

    assert "Wilcoxon signed rank or sign-flip, 3 pairs" in out_of_reach(findings)


def test_a_claim_without_a_p_is_undetermined(found, claim):
    one = one_claim(claim, 0.05, unchecked="No test is named.")

    (finding,) = found("significance", cells("90.00±1.00", "80.00±1.00"), claims=[one])

    assert finding.severity == "undetermined"
