"""A clearer difference never has a larger p, a wider spread never a narrower interval.

Nor have more data less power, or a higher level a narrower interval. Some directions stand beside
other tests of their function: a wider region or margin, more overlap of training data, a more
lopsided split, a larger effect.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mpcs_bench.stats import (
    bayesian_correlated_t,
    cliffs_delta,
    corrected_resampled_t,
    corrected_t_power,
    equivalence_to_published,
    friedman_nemenyi,
    gap_to_published,
    holm,
    mean_of_columns,
    minimum_detectable_effect,
    naive_paired_t,
    over_folds,
    paired_effect,
    paired_equivalence,
    patient_sign_flip,
    pooled,
    proportion_intervals,
    sign_flip,
    smallest_attainable_p,
    wilcoxon_signed_rank,
)

CLOSE = 1e-9

whole = st.lists(st.integers(-20, 20), min_size=3, max_size=8).map(np.array)
varied = whole.filter(lambda d: np.ptp(d) > 0)
above = varied.filter(lambda d: d.mean() >= 0)
"""Differences in hundredths, the candidate not below the baseline."""
steps = st.integers(1, 20)
few = settings(max_examples=30, deadline=None)

PAIRED = {
    "corrected": lambda d: corrected_resampled_t(d / 100, 0.25),
    "naive": lambda d: naive_paired_t(d / 100),
}


def width(interval) -> float:
    return interval.high - interval.low


# Tests of paired differences.


@pytest.mark.parametrize("test", PAIRED.values(), ids=PAIRED)
@given(d=above, more=steps)
def test_t_of_a_larger_difference_has_no_larger_p_and_an_interval_as_wide(test, d, more):
    near, far = test(d), test(d + more)
    assert far.p <= near.p + CLOSE
    assert width(far.interval) == pytest.approx(width(near.interval))
    assert far.minimum_detectable == pytest.approx(near.minimum_detectable)


@pytest.mark.parametrize("test", PAIRED.values(), ids=PAIRED)
@given(d=varied, factor=st.floats(1.01, 5))
def test_t_of_differences_that_scatter_more_about_one_mean_has_no_smaller_p(test, d, factor):
    narrow, wide = test(d), test(d.mean() + factor * (d - d.mean()))
    assert wide.p >= narrow.p - CLOSE
    assert width(wide.interval) > width(narrow.interval)


@given(d=varied, alpha=st.floats(0.01, 0.2), more=st.floats(0.01, 0.5))
def test_a_higher_level_is_never_narrower(d, alpha, more):
    at = [
        width(corrected_resampled_t(d / 100, 0.25, alpha=a).interval) for a in (alpha, alpha + more)
    ]
    assert at[0] > at[1]
    ours = [
        width(bayesian_correlated_t(d / 100, 0.25, rope=0.01, level=1 - a).interval)
        for a in (alpha, alpha + more)
    ]
    assert ours[0] > ours[1]


@given(d=varied, more=steps, rope=st.floats(0, 0.1))
def test_a_larger_difference_is_never_less_probably_better(d, more, rope):
    near, far = (bayesian_correlated_t(x / 100, 0.25, rope=rope) for x in (d, d + more))
    assert far.p_better >= near.p_better - CLOSE
    assert far.p_worse <= near.p_worse + CLOSE


@few
@given(d=above, more=st.integers(1, 30), data=st.data())
def test_sign_flip_with_one_difference_raised_has_no_larger_p(d, more, data):
    raised = d.copy()
    raised[data.draw(st.integers(0, d.size - 1))] += more
    assert sign_flip(raised).p <= sign_flip(d).p + CLOSE
    names = np.arange(d.size)
    assert patient_sign_flip(names, raised).p <= patient_sign_flip(names, d).p + CLOSE


@few
@given(
    st.lists(st.integers(-40, 40).filter(bool), min_size=3, max_size=9, unique_by=abs).map(
        np.array
    ),
    st.integers(1, 15),
)
def test_wilcoxon_of_differences_that_all_rise_has_no_larger_p(d, more):
    """Where there are neither ties nor zeros: a zero leaves, and takes reach with it."""
    raised = d + more
    assume(np.unique(np.abs(raised)).size == d.size)
    assume(raised.all())
    rank_sum = np.sign(d) @ np.argsort(np.argsort(np.abs(d)))
    assume(rank_sum + np.sign(d).sum() >= 0)
    assert wilcoxon_signed_rank(raised).p <= wilcoxon_signed_rank(d).p + CLOSE


# Equivalence, and the gap to a published mean.


@given(d=above, more=steps, margin=st.floats(0.01, 0.3))
def test_equivalence_of_a_larger_difference_has_no_smaller_p(d, more, margin):
    near, far = (paired_equivalence(x / 100, 0.25, margin=margin) for x in (d, d + more))
    assert far.p >= near.p - CLOSE
    assert far.half_width == pytest.approx(near.half_width)
    assert far.margin_shown > near.margin_shown


@given(d=above, more=steps, sd=st.floats(0.5, 8), wider=st.floats(0.1, 5))
def test_a_published_mean_further_off_or_less_certain(d, more, sd, wider):
    """Further off: less equivalent, and a clearer gap. Less certain: a wider interval."""
    near, far = (equivalence_to_published(x, 0, sd, 5, margin=10) for x in (d, d + more))
    assert far.p >= near.p - CLOSE
    gaps = [gap_to_published(x, 0, sd, 5) for x in (d, d + more)]
    assert gaps[1].p <= gaps[0].p + CLOSE
    assert gaps[1].z > gaps[0].z
    loose = gap_to_published(d, 0, sd + wider, 5)
    assert loose.standard_error > gaps[0].standard_error
    assert abs(loose.z) <= abs(gaps[0].z)


# Many tests, many methods.


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.data())
def test_holm_with_one_p_raised_or_one_test_more_lowers_none(p, data):
    place = data.draw(st.integers(0, len(p) - 1))
    raised = list(p)
    raised[place] = data.draw(st.floats(p[place], 1))
    adjusted = holm(p)
    for other in (holm(raised), holm([*p, data.draw(st.floats(0, 1))])[:-1]):
        assert all(new >= old for new, old in zip(other, adjusted, strict=True))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_a_method_that_scores_higher_is_never_ranked_lower(seed, column):
    table = np.random.default_rng(seed).integers(0, 10, (5, 4)) / 10
    raised = table.copy()
    raised[0, column] += 0.25
    one, other = (dict(friedman_nemenyi(t, list("abcd")).average_ranks) for t in (table, raised))
    assert other["abcd"[column]] <= one["abcd"[column]]
    assert all(other[name] >= one[name] for name in set("abcd") - {"abcd"[column]})


def test_critical_difference_falls_with_blocks_and_grows_with_methods():
    table = np.random.default_rng(0).normal(size=(12, 6))
    names = list("abcdef")
    by_blocks = [friedman_nemenyi(table[:n], names).critical_difference for n in (3, 6, 12)]
    by_methods = [friedman_nemenyi(table[:, :k], names[:k]).critical_difference for k in (3, 4, 6)]
    by_level = [
        friedman_nemenyi(table, names, alpha=alpha).critical_difference for alpha in (0.01, 0.1)
    ]
    assert by_blocks == sorted(by_blocks, reverse=True)
    assert by_methods == sorted(by_methods)
    assert by_level == sorted(by_level, reverse=True)


# Reach and power.


@given(
    st.sampled_from(["sign-flip", "wilcoxon", "mann-whitney", "mcnemar"]),
    st.integers(1, 40),
)
def test_more_values_reach_further(method, n):
    assert smallest_attainable_p(method, n + 1) <= smallest_attainable_p(method, n)


@few
@given(
    st.floats(0.1, 4), st.floats(0.5, 4), st.integers(3, 30), st.floats(0, 1), st.floats(0.05, 2)
)
def test_power_grows_with_values_and_level_and_falls_with_spread(effect, sd, n, ratio, more):
    power = corrected_t_power(effect, sd, n, ratio).power
    assert corrected_t_power(effect, sd, n + 1, ratio).power >= power - CLOSE
    assert corrected_t_power(effect, sd, n, ratio, alpha=0.1).power >= power - CLOSE
    assert corrected_t_power(effect, sd + more, n, ratio).power <= power + CLOSE


@few
@given(st.floats(0.5, 4), st.integers(3, 30), st.floats(0, 1), st.floats(0.05, 1))
def test_smallest_effect_falls_with_values_and_grows_with_spread_overlap_and_power(
    sd, n, ratio, more
):
    effect = minimum_detectable_effect(sd, n, ratio).effect
    assert minimum_detectable_effect(sd, n + 1, ratio).effect < effect
    assert minimum_detectable_effect(sd, n, ratio + more).effect > effect
    assert minimum_detectable_effect(sd, n, ratio, power=0.9).effect > effect
    assert minimum_detectable_effect(2 * sd, n, ratio).effect == pytest.approx(2 * effect)


# Proportions.

counts = st.integers(2, 80).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n)))


@given(counts)
def test_one_success_more_lifts_both_intervals(pair):
    successes, items = pair
    one, other = (proportion_intervals(k, items) for k in (successes, successes + 1))
    for low, high in ((one.wilson, other.wilson), (one.clopper_pearson, other.clopper_pearson)):
        assert high.low >= low.low
        assert high.high >= low.high


@given(counts, st.integers(2, 5), st.floats(0.5, 0.9))
def test_more_items_of_one_share_narrow_both_intervals_and_a_higher_level_widens_them(
    pair, times, level
):
    successes, items = pair
    one, more = (proportion_intervals(t * successes, t * items) for t in (1, times))
    low = proportion_intervals(successes, items, level=level)
    for name in ("wilson", "clopper_pearson"):
        assert width(getattr(more, name)) <= width(getattr(one, name)) + CLOSE
        assert width(getattr(low, name)) <= width(getattr(one, name)) + CLOSE


# Averages and sizes of effects.


@given(varied, steps, st.data())
def test_a_value_raised_raises_every_average(d, more, data):
    raised = d.copy()
    raised[data.draw(st.integers(0, d.size - 1))] += more
    counts = data.draw(st.lists(st.integers(1, 9), min_size=d.size, max_size=d.size))
    assert over_folds(raised).mean > over_folds(d).mean
    assert pooled(raised, counts).value > pooled(d, counts).value
    assert d.min() - CLOSE <= pooled(d, counts).value <= d.max() + CLOSE
    columns = [mean_of_columns([over_folds(x), over_folds(d)]) for x in (d, raised)]
    assert columns[1].mean_of_means > columns[0].mean_of_means


@given(varied, steps)
def test_differences_that_rise_have_a_larger_effect(d, more):
    near, far = paired_effect(d), paired_effect(d + more)
    assert far.d_z > near.d_z
    assert far.superiority >= near.superiority


@given(varied, varied, steps, st.data())
def test_a_candidates_value_raised_never_lowers_its_dominance(ours, theirs, more, data):
    raised = ours.copy()
    raised[data.draw(st.integers(0, ours.size - 1))] += more
    assert cliffs_delta(raised, theirs).delta >= cliffs_delta(ours, theirs).delta - CLOSE
