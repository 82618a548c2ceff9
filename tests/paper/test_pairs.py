"""The paper's pair strategies (Section 3.2, Figures 3 and 4)."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError

from mpcs_bench.errors import PluginError
from mpcs_bench.registry import ImageSets, entry_for
from mpcs_bench.registry.suite import check
from mpcs_paper.pairs import (
    FixedPair,
    FixedPairParams,
    OrderedPair,
    OrderedPairParams,
    RandomPair,
)

MAGNIFICATIONS = (40, 100, 200, 400)
FIGURE_3 = {40: 100, 100: 200, 200: 400, 400: 200}
ALL = (FixedPair, OrderedPair, RandomPair)

counts = arrays.arrays(
    np.int64, st.tuples(st.integers(0, 30), st.just(4)), elements=st.integers(0, 3)
)


def image_sets(available, magnifications=MAGNIFICATIONS):
    """Sets whose images are numbered in the order of sets and magnifications."""
    available = np.asarray(available, dtype=np.int64).reshape(-1, len(magnifications))
    total = int(available.sum())
    ends = np.cumsum(available.reshape(-1)).reshape(available.shape)
    offsets = np.concatenate([ends[:, :1] - available[:, :1], ends], axis=1)
    names = tuple(f"set-{i}" for i in range(len(available)))
    return ImageSets(names, names, magnifications, offsets, np.arange(total))


def complete(n):
    return image_sets(np.ones((n, 4)))


def drawn(strategy, sets, seed=0):
    """The magnifications drawn, [n, 2]."""
    plan = strategy.draw(sets, sets.available, np.random.default_rng(seed))
    return np.array(sets.magnifications)[plan.columns]


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.name)
def test_the_contract_suite_passes(cls):
    assert [r for r in check(entry_for(cls)) if not r.passed] == []


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.name)
@given(available=counts, seed=st.integers(0, 2**32))
def test_every_eligible_set_gives_two_images_of_its_own_at_different_magnifications(
    cls, available, seed
):
    strategy = cls()
    sets = image_sets(available)
    sets = sets.subset(strategy.eligible(sets.available, MAGNIFICATIONS))

    plan = strategy.draw(sets, sets.available, np.random.default_rng(seed))

    assert plan.rows.shape == (len(sets), 2)
    assert (plan.columns[:, 0] != plan.columns[:, 1]).all()
    for view in (0, 1):
        low = np.take_along_axis(sets.offsets, plan.columns[:, [view]], axis=1)[:, 0]
        high = np.take_along_axis(sets.offsets, plan.columns[:, [view]] + 1, axis=1)[:, 0]
        assert ((low <= plan.rows[:, view]) & (plan.rows[:, view] < high)).all()


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.name)
@given(available=counts)
def test_a_set_is_eligible_just_where_a_pair_can_be_drawn(cls, available):
    strategy = cls()
    pairs = {
        "fixed": [(200, 400)],
        "ordered": list(FIGURE_3.items()),
        "random": [(a, b) for a in MAGNIFICATIONS for b in MAGNIFICATIONS if a != b],
    }[cls.name]

    eligible = strategy.eligible(available, MAGNIFICATIONS)

    for row, answer in zip(available, eligible, strict=True):
        there = {m for m, count in zip(MAGNIFICATIONS, row, strict=True) if count}
        assert answer == any({a, b} <= there for a, b in pairs)


@pytest.mark.parametrize(
    ("cls", "prior", "freedom"), [(FixedPair, 2, 0), (OrderedPair, 1, 1), (RandomPair, 0, 2)]
)
def test_human_prior_and_degrees_of_freedom_are_those_of_figure_4(cls, prior, freedom):
    assert (cls.human_prior, cls.degrees_of_freedom) == (prior, freedom)


def test_fixed_pair_takes_200_then_400():
    assert (drawn(FixedPair(), complete(50)) == [200, 400]).all()


def test_fixed_pair_takes_the_magnifications_it_is_given_in_their_order():
    strategy = FixedPair(FixedPairParams(magnifications=(100, 40)))

    assert (drawn(strategy, complete(50)) == [100, 40]).all()


def test_ordered_pair_follows_the_table_of_figure_3():
    assert OrderedPair().params.table == FIGURE_3

    for first, second in drawn(OrderedPair(), complete(2000)):
        assert second == FIGURE_3[first]


def test_ordered_pair_draws_the_first_view_uniformly():
    counted = Counter(drawn(OrderedPair(), complete(40_000))[:, 0].tolist())

    # Five standard deviations of a binomial count with p = 1/4.
    bound = 5 * np.sqrt(40_000 * 0.25 * 0.75)
    assert all(abs(counted[m] - 10_000) < bound for m in MAGNIFICATIONS)


def test_ordered_pair_never_starts_where_the_partner_is_missing():
    without_200 = image_sets(np.tile([1, 1, 0, 1], (500, 1)))

    assert (drawn(OrderedPair(), without_200) == [40, 100]).all()


def test_random_pair_is_uniform_over_ordered_pairs():
    counted = Counter(map(tuple, drawn(RandomPair(), complete(60_000)).tolist()))

    bound = 5 * np.sqrt(60_000 * (1 / 12) * (11 / 12))
    assert len(counted) == 12
    assert all(abs(count - 5_000) < bound for count in counted.values())


def test_random_pair_is_uniform_over_what_a_set_has():
    counted = Counter(
        map(tuple, drawn(RandomPair(), image_sets(np.tile([0, 3, 0, 1], (20_000, 1)))).tolist())
    )

    bound = 5 * np.sqrt(20_000 * 0.25)
    assert set(counted) == {(100, 400), (400, 100)}
    assert abs(counted[100, 400] - 10_000) < bound


@pytest.mark.parametrize("cls", [FixedPair, OrderedPair], ids=lambda cls: cls.name)
def test_a_magnification_that_the_data_set_lacks_is_named(cls):
    with pytest.raises(PluginError, match=r"asks for 400X.*40X, 100X, 200X"):
        cls().eligible(np.ones((1, 3), dtype=np.int64), (40, 100, 200))


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.name)
def test_a_set_that_is_not_eligible_is_refused(cls):
    sets = image_sets([[1, 1, 1, 1], [0, 0, 1, 0]])

    with pytest.raises(ValueError, match="set-1"):
        drawn(cls(), sets)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FixedPairParams(magnifications=(200, 200)),
        lambda: OrderedPairParams(table={40: 40}),
        lambda: OrderedPairParams(table={}),
    ],
    ids=["fixed", "ordered", "empty table"],
)
def test_parameters_that_pair_a_magnification_with_itself_are_refused(make):
    with pytest.raises(ValidationError):
        make()


def test_an_ascending_ordered_pair_is_the_same_pair_with_its_views_in_order():
    sets = complete(400)
    plain = drawn(OrderedPair(), sets)
    ascending = drawn(OrderedPair(OrderedPairParams(ascending=True)), sets)

    assert np.array_equal(np.sort(plain, axis=1), ascending)
    changed = {tuple(pair) for pair in plain[(plain != ascending).any(axis=1)].tolist()}
    assert changed == {(400, 200)}
