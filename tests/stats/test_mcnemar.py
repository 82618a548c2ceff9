"""McNemar's test, exact and with the continuity correction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlxtend.evaluate import mcnemar as mlxtend_mcnemar
from scipy import stats as scipy_stats

from mpcs_bench.stats import (
    TRAINED_MODELS_IMAGES,
    mcnemar,
    mcnemar_of_counts,
    smallest_attainable_p,
)

counts = st.tuples(st.integers(0, 40), st.integers(0, 40)).filter(lambda pair: sum(pair) > 0)
answers = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def test_known_answer():
    """11 and 1: the worked example of Raschka's mlxtend, whose chi-squared is 6.75."""
    outcome = mcnemar_of_counts(11, 1)
    assert outcome.p == pytest.approx(0.006348, abs=5e-7)
    assert outcome.chi2 == 6.75
    assert outcome.odds_ratio == pytest.approx(11)


def test_textbook_example_with_the_continuity_correction():
    """Rosner, Fundamentals of Biostatistics, matched pairs of treatments: 5 and 16, 4.76, .029."""
    outcome = mcnemar_of_counts(16, 5, items=621)
    assert outcome.chi2 == pytest.approx(4.76, abs=0.005)
    assert outcome.corrected_p == pytest.approx(0.029, abs=5e-4)


def test_textbook_example_of_the_exact_test():
    """Rosner, computer against observer: 7 of 8 discordant pairs, p = .070."""
    assert mcnemar_of_counts(7, 1, items=20).p == pytest.approx(0.070, abs=5e-4)


def test_published_example():
    """Raschka, Model evaluation, model selection (2018), section 4.4: 25 and 15, p = 0.155."""
    outcome = mcnemar_of_counts(25, 15)
    assert outcome.chi2 == pytest.approx(2.025)
    assert outcome.corrected_p == pytest.approx(0.155, abs=5e-4)


@given(counts)
def test_is_mlxtends(pair):
    gained, lost = pair
    table = np.array([[7, gained], [lost, 3]])
    outcome = mcnemar_of_counts(gained, lost)
    assert outcome.p == pytest.approx(min(1, mlxtend_mcnemar(table, exact=True)[1]))
    if gained != lost:
        assert (outcome.chi2, outcome.corrected_p) == pytest.approx(mlxtend_mcnemar(table))


@given(counts)
def test_exact_p_is_the_two_sided_binomial(pair):
    gained, lost = pair
    expected = scipy_stats.binomtest(gained, gained + lost).pvalue
    assert mcnemar_of_counts(gained, lost).p == pytest.approx(expected)


@given(counts)
def test_equal_counts_show_nothing_and_swapping_the_methods_changes_no_p(pair):
    one, other = mcnemar_of_counts(*pair), mcnemar_of_counts(*pair[::-1])
    assert (one.p, one.chi2) == (other.p, other.chi2)
    equal = mcnemar_of_counts(pair[0] + 1, pair[0] + 1)
    assert (equal.p, equal.chi2, equal.corrected_p) == pytest.approx((1, 0, 1))


@given(counts)
def test_p_is_never_below_what_it_calls_the_smallest(pair):
    outcome = mcnemar_of_counts(*pair)
    assert outcome.smallest_p <= outcome.p
    assert outcome.smallest_p == mcnemar_of_counts(sum(pair), 0).p
    assert outcome.smallest_p == smallest_attainable_p("mcnemar", sum(pair))


@given(counts)
def test_a_more_lopsided_split_of_the_same_items_never_has_a_larger_p(pair):
    gained, lost = sorted(pair, reverse=True)
    if lost:
        assert mcnemar_of_counts(gained + 1, lost - 1).p <= mcnemar_of_counts(gained, lost).p


@given(counts)
def test_odds_interval_holds_the_ratio_and_excludes_one_where_p_is_small(pair):
    outcome = mcnemar_of_counts(*pair)
    low, high, level = outcome.odds_interval
    assert low <= outcome.odds_ratio * (1 + 1e-9)
    assert outcome.odds_ratio <= high * (1 + 1e-9)
    assert level == 0.95
    assert (low > 1 or high < 1) == (outcome.p <= 0.05) or outcome.p == pytest.approx(0.05)


@given(answers, st.randoms(use_true_random=False))
def test_order_of_the_images_does_not_matter_and_agreement_does_not_count(pairs, random):
    one = mcnemar(*zip(*pairs, strict=True))
    assert mcnemar(*zip(*random.sample(pairs, len(pairs)), strict=True)) == one
    more = mcnemar(*zip(*pairs, (True, True), (False, False), strict=True))
    assert (more.p, more.chi2, more.n) == (one.p, one.chi2, one.n + 2)
    assert one.gained == sum(ours and not theirs for ours, theirs in pairs)


def test_five_discordant_images_are_out_of_reach_and_six_are_not():
    assert not mcnemar_of_counts(5, 0).in_reach
    assert mcnemar_of_counts(6, 0).in_reach


def test_nothing_discordant_has_no_ratio():
    outcome = mcnemar([1, 0], [1, 0])
    assert (outcome.p, outcome.smallest_p) == (1, 1)
    assert outcome.odds_ratio is None
    assert outcome.odds_interval is None
    assert outcome.chi2 is None


def test_nothing_lost_is_an_infinite_ratio():
    outcome = mcnemar_of_counts(6, 0)
    assert outcome.odds_ratio == outcome.odds_interval.high == math.inf


def test_images_of_one_patient_make_it_naive():
    ours, theirs = [1, 1, 0, 1], [0, 1, 1, 0]
    alone = mcnemar(ours, theirs, clusters=["a", "b", "c", "d"])
    together = mcnemar(ours, theirs, clusters=["a", "a", "b", "b"])
    assert not alone.naive
    assert together.naive
    assert "naive" in together.method
    assert any("naive" in warning for warning in together.warnings)
    assert together.p == alone.p
    assert alone.question == TRAINED_MODELS_IMAGES


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mcnemar([1, 0], [1]), "do not match"),
        (lambda: mcnemar([], []), "do not match"),
        (lambda: mcnemar([0.5], [1]), "right"),
        (lambda: mcnemar([1, 0], [1, 1], clusters=["a"]), "clusters"),
        (lambda: mcnemar_of_counts(-1, 2), "cannot be"),
        (lambda: mcnemar_of_counts(3, 2, items=4), "cannot be"),
        (lambda: mcnemar_of_counts(3, 2, alpha=0), "alpha"),
    ],
)
def test_what_is_no_comparison_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
