"""Equivalence with a published mean, and of two paired series; the gap in standard errors.

No worked example of a TOST with the variance of Nadeau and Bengio was found: its error is held to
the corrected t, and without overlap it is held to a published interval and to statsmodels.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from mpcs_bench.stats import (
    METHODS,
    corrected_resampled_t,
    equivalence_to_published,
    gap_to_published,
    paired_equivalence,
)

SHAPE = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])

SLEEP = np.array(
    [
        [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
        [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
    ]
)

fold_values = st.lists(
    st.floats(80, 100).map(lambda x: round(x, 2)), min_size=3, max_size=10
).filter(lambda v: np.ptp(v) > 0.1)
sds = st.floats(0.5, 8)
margins = st.floats(0.5, 10)


def folds(mean: float, sd: float, count: int = 5) -> np.ndarray:
    """Return values of exactly this mean and standard deviation (ddof = 1)."""
    shape = SHAPE if count == 5 else scipy_stats.norm.ppf((np.arange(count) + 0.5) / count)
    return mean + sd * (shape - shape.mean()) / shape.std(ddof=1)


@pytest.mark.parametrize(("sd", "half_width"), [(3, 3.5), (4, 4.7), (5, 5.9)])
def test_known_half_widths_at_five_folds_against_five(sd, half_width):
    outcome = equivalence_to_published(folds(90, sd), 90, sd, 5, margin=3)
    assert outcome.half_width == pytest.approx(half_width, abs=0.05)
    assert outcome.smallest_margin == outcome.half_width
    assert outcome.outcome == "out of reach"


def test_published_example():
    """Lakens (2017), example of Eskine: t(182) = -2.69, p = .004; 90 % interval -0.19 to 0.25."""
    margin = 0.43 * math.sqrt((0.95**2 + 0.83**2) / 2)
    outcome = equivalence_to_published(folds(5.25, 0.95, 95), 5.22, 0.83, 89, margin=margin)
    t = (outcome.difference - margin) / outcome.standard_error
    assert t == pytest.approx(-2.69, abs=0.005)
    assert outcome.degrees_of_freedom == pytest.approx(182, abs=1)
    assert outcome.p == pytest.approx(0.004, abs=5e-4)
    assert outcome.interval[:2] == pytest.approx((-0.19, 0.25), abs=0.005)
    assert outcome.outcome == "equivalent"


def test_published_paired_interval():
    """Student's sleep (R's manual of t.test): 95 % from -2.4598858 to -0.7001142."""
    outcome = paired_equivalence(SLEEP[0] - SLEEP[1], 1e-12, margin=0.5, alpha=0.025)
    assert outcome.interval[:2] == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)
    assert outcome.outcome == "differs"
    t = (abs(outcome.difference) - 0.5) / outcome.standard_error
    assert outcome.p == pytest.approx(scipy_stats.t.cdf(t, 9))


def test_published_gap():
    """The same two lists unpaired, Welch's way: t = -1.8608, df = 17.776, p = 0.07939."""
    outcome = gap_to_published(SLEEP[0], SLEEP[1].mean(), SLEEP[1].std(ddof=1), 10)
    assert outcome.z == pytest.approx(-1.8608, abs=5e-5)
    assert outcome.degrees_of_freedom == pytest.approx(17.776, abs=5e-4)
    assert outcome.p == pytest.approx(0.07939, abs=5e-6)


@given(fold_values, fold_values, margins)
def test_against_published_folds_it_is_statsmodels_welch_tost(ours, theirs, margin):
    outcome = equivalence_to_published(
        ours, np.mean(theirs), np.std(theirs, ddof=1), len(theirs), margin=margin
    )
    expected = ttost_ind(np.array(ours), np.array(theirs), -margin, margin, usevar="unequal")
    assert outcome.p == pytest.approx(expected[0], rel=1e-6, abs=1e-9)
    assert outcome.degrees_of_freedom == pytest.approx(expected[1][2], rel=1e-6)


@given(fold_values, margins)
def test_paired_it_is_statsmodels_tost_but_for_the_corrected_error(d, margin):
    d = np.array(d) - 90
    ratio = 1e-12  # as good as independent folds
    outcome = paired_equivalence(d, ratio, margin=margin)
    expected = ttost_paired(d, np.zeros_like(d), -margin, margin)
    assert outcome.p == pytest.approx(expected[0], rel=1e-5, abs=1e-9)
    corrected = paired_equivalence(d, 0.25, margin=margin)
    assert corrected.standard_error == corrected_resampled_t(d, 0.25).standard_error


@given(fold_values, st.floats(80, 100), sds, margins)
def test_outcome_says_where_the_interval_lies(ours, mean, sd, margin):
    outcome = equivalence_to_published(ours, mean, sd, 5, margin=margin)
    low, high, level = outcome.interval
    assert level == 0.9
    assert low < outcome.difference < high
    if -margin < low and high < margin:
        assert outcome.outcome == "equivalent"
    elif low > margin or high < -margin:
        assert outcome.outcome == "differs"
    elif outcome.half_width >= margin:
        assert outcome.outcome == "out of reach"
    else:
        assert outcome.outcome == "inconclusive"
    assert outcome.in_reach == (outcome.half_width < margin)


@given(fold_values, st.floats(80, 100), sds, margins)
def test_equivalent_exactly_where_p_is_below_alpha(ours, mean, sd, margin):
    outcome = equivalence_to_published(ours, mean, sd, 5, margin=margin)
    assume(abs(outcome.p - 0.05) > 1e-9)
    assert (outcome.outcome == "equivalent") == (outcome.p < 0.05)


@given(fold_values, st.floats(80, 100), sds)
def test_margin_shown_is_where_the_outcome_turns(ours, mean, sd):
    shown = equivalence_to_published(ours, mean, sd, 5, margin=1).margin_shown
    above, below = (
        equivalence_to_published(ours, mean, sd, 5, margin=shown * factor)
        for factor in (1.0001, 0.9999)
    )
    assert above.outcome == "equivalent"
    assert below.outcome != "equivalent"


@given(fold_values, st.floats(80, 100), sds, margins, st.randoms(use_true_random=False))
def test_neither_order_nor_direction_matters(ours, mean, sd, margin, random):
    one = equivalence_to_published(ours, mean, sd, 5, margin=margin)
    other = equivalence_to_published(random.sample(ours, len(ours)), mean, sd, 5, margin=margin)
    turned = equivalence_to_published(np.negative(ours), -mean, sd, 5, margin=margin)
    assert one.p == pytest.approx(other.p) == pytest.approx(turned.p)
    assert one.difference == pytest.approx(-turned.difference)


@given(fold_values, st.floats(80, 100), sds, margins, st.floats(0.1, 5))
def test_a_wider_margin_never_has_a_larger_p(ours, mean, sd, margin, more):
    narrow = equivalence_to_published(ours, mean, sd, 5, margin=margin)
    wide = equivalence_to_published(ours, mean, sd, 5, margin=margin + more)
    assert wide.p <= narrow.p + 1e-12


@pytest.mark.parametrize(
    ("mean", "sd", "outcome"),
    [
        (90.0, 1.0, "equivalent"),
        (87.0, 1.0, "inconclusive"),
        (90.0, 4.0, "out of reach"),
        (80.0, 1.0, "differs"),
        (75.0, 4.0, "differs"),
    ],
)
def test_each_outcome_has_its_case(mean, sd, outcome):
    """The last: no difference was within reach of 3 points, and yet 15 are clearly more."""
    assert equivalence_to_published(folds(mean, sd), 90, sd, 5, margin=3).outcome == outcome


def test_correction_widens_our_side_and_theirs():
    plain = equivalence_to_published(folds(90, 3), 90, 3, 5, margin=3)
    ours = equivalence_to_published(folds(90, 3), 90, 3, 5, margin=3, test_train_ratio=0.25)
    both = equivalence_to_published(
        folds(90, 3), 90, 3, 5, margin=3, test_train_ratio=0.25, published_ratio=0.25
    )
    assert plain.half_width < ours.half_width < both.half_width
    assert both.standard_error == pytest.approx(1.5 * plain.standard_error)
    assert any("same data set" in line for line in plain.assumptions)
    assert any("correlated" in line for line in both.assumptions)


def test_a_published_sd_that_was_divided_by_n_is_put_right():
    plain = equivalence_to_published(folds(90, 3), 90, 3, 5, margin=3)
    wider = equivalence_to_published(
        folds(90, 3), 90, 3 * math.sqrt(4 / 5), 5, margin=3, published_ddof=0
    )
    assert wider.half_width == pytest.approx(plain.half_width)


def test_nothing_that_varies_gives_no_outcome():
    outcome = paired_equivalence([0.01] * 5, 0.25, margin=0.03)
    assert outcome.outcome is None
    assert outcome.p is None
    assert not outcome.in_reach
    assert any("no spread" in warning for warning in outcome.warnings)


def test_a_published_sd_of_zero_leaves_our_own_spread():
    outcome = equivalence_to_published(folds(99, 1), 100, 0, 5, margin=3)
    assert outcome.degrees_of_freedom == pytest.approx(4)
    assert outcome.standard_error == pytest.approx(1 / math.sqrt(5))


def test_record_says_what_it_is_of():
    outcome = equivalence_to_published(folds(90, 3), 90, 3, 5, margin=3)
    assert (outcome.n, outcome.unit, outcome.question) == (5, "fold", METHODS)
    assert any("published sd is over 5 folds (ddof = 1)" in line for line in outcome.assumptions)


def test_gap_is_welchs_t():
    ours, theirs = folds(88, 2), folds(91, 4, count=6)
    outcome = gap_to_published(ours, 91, 4, 6)
    expected = scipy_stats.ttest_ind(ours, theirs, equal_var=False)
    assert (outcome.z, outcome.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert outcome.gap == pytest.approx(-3)


def test_gap_to_a_value_without_predictions_has_no_z():
    outcome = gap_to_published([88.0, 90.0], 91.0)
    assert outcome.gap == -2
    assert outcome.z is None
    assert outcome.p is None
    assert outcome.warnings


def test_gap_without_spread_on_either_side_has_no_z():
    assert gap_to_published([100.0, 100.0], 99.0, 0.0, 5).z is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: equivalence_to_published([90], 90, 3, 5, margin=3), "at least 2"),
        (lambda: equivalence_to_published([90, 91], 90, 3, 5, margin=0), "margin"),
        (lambda: equivalence_to_published([90, 91], 90, -3, 5, margin=3), "of no use"),
        (lambda: equivalence_to_published([90, 91], 90, 3, 1, margin=3), "of no use"),
        (
            lambda: equivalence_to_published([90, 91], 90, 3, 5, margin=3, test_train_ratio=-1),
            "n_test/n_train",
        ),
        (lambda: equivalence_to_published([90, 91], 90, 3, 5, margin=3, alpha=0.5), "alpha"),
        (lambda: paired_equivalence([0.1, 0.2], 0, margin=3), "n_test/n_train"),
        (lambda: gap_to_published([], 90), "finite values"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
