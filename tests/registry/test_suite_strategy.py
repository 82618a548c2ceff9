"""The contract suite of pair strategies: a sound one passes, a fault fails its own check."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ConfigDict

from mpcs_bench.registry import PairStrategy, PluginParams, ViewPlan, draw_available, entry_for
from mpcs_bench.registry.suite import check
from mpcs_bench.registry.suite_strategy import example_sets


class Sound(PairStrategy):
    name, human_prior, degrees_of_freedom = "sound", 0, 2

    def draw(self, sets, available, generator):
        first = draw_available(available, generator)
        second = draw_available(available, generator, exclude=first)
        return sets.view_plan(np.stack([first, second], axis=1), generator)


class AcceptsTheEmpty(Sound):
    def eligible(self, available, magnifications):
        return np.ones(len(available), dtype=bool)


class EligibleInNumbers(Sound):
    def eligible(self, available, magnifications):
        return ((available > 0).sum(axis=1) >= 2).astype(np.int64)


class EligibleNowhere(Sound):
    def eligible(self, available, magnifications):
        return np.zeros(len(available), dtype=bool)


class OneViewTooMany(Sound):
    views = 3


class FailsOnNoSet(Sound):
    def draw(self, sets, available, generator):
        available.max()
        return super().draw(sets, available, generator)


class BoxOutside(Sound):
    def draw(self, sets, available, generator):
        plan = super().draw(sets, available, generator)
        boxes = np.full((*plan.rows.shape, 4), 0.6)
        return ViewPlan(plan.rows, plan.columns, boxes)


class IgnoresAvailability(Sound):
    def draw(self, sets, available, generator):
        return sets.view_plan(np.tile(np.array([0, 1]), (len(sets), 1)), generator)


class RowsOfNeighbours(Sound):
    def draw(self, sets, available, generator):
        plan = super().draw(sets, available, generator)
        return ViewPlan(np.roll(plan.rows, 1, axis=0), plan.columns)


class SameMagnification(Sound):
    def draw(self, sets, available, generator):
        first = draw_available(available, generator)
        return sets.view_plan(np.stack([first, first], axis=1), generator)


class OwnGenerator(Sound):
    def draw(self, sets, available, generator):
        return super().draw(sets, available, np.random.default_rng())


class Looping(Sound):
    def draw(self, sets, available, generator):
        columns = [generator.permutation(np.flatnonzero(row))[:2] for row in available]
        return sets.view_plan(np.array(columns, dtype=np.int64).reshape(-1, 2), generator)


def failures(cls, **options):
    return {r.name: r.message for r in check(entry_for(cls), **options) if not r.passed}


def test_a_sound_strategy_passes_every_check():
    results = check(entry_for(Sound))

    assert [r.name for r in results if not r.passed] == []
    assert {"loads", "params defaults", "eligible", "availability", "vectorised"} <= {
        r.name for r in results
    }


@pytest.mark.parametrize(
    ("cls", "name", "message"),
    [
        (AcceptsTheEmpty, "eligible", "without any image"),
        (EligibleInNumbers, "eligible", "int64"),
        (EligibleNowhere, "eligible", "refuses a set with an image at each"),
        (OneViewTooMany, "shapes", "[0, 3]"),
        (FailsOnNoSet, "shapes", "raised ValueError"),
        (BoxOutside, "shapes", "a box reaches outside"),
        (IgnoresAvailability, "availability", "no image at a magnification"),
        (RowsOfNeighbours, "availability", "is no image of"),
        (SameMagnification, "magnifications differ", "of one magnification"),
        (OwnGenerator, "reproducible", "use only `generator`"),
        (Looping, "vectorised", "draw for all at once"),
    ],
)
def test_a_fault_fails_exactly_the_check_that_is_meant(cls, name, message):
    found = failures(cls)

    assert list(found) == [name]
    assert message in found[name]


def test_a_strategy_is_tried_at_the_magnifications_it_is_for():
    class Params(PluginParams):
        low: int = 5

    class Low(Sound):
        Params_ = Params

        def eligible(self, available, magnifications):
            column = magnifications.index(5)
            return (available[:, column] > 0) & super().eligible(available, magnifications)

    assert "eligible" in failures(Low)
    assert failures(Low, magnifications=(5, 10, 20)) == {}


def test_params_that_are_not_frozen_fail_alone():
    class Loose(PluginParams):
        model_config = ConfigDict(frozen=False)
        low: int = 5

    class Unfrozen(Sound):
        Params = Loose

    assert list(failures(Unfrozen)) == ["params frozen"]


def test_a_default_that_its_own_params_refuse_fails_alone():
    class Refusing(PluginParams):
        low: int = "many"

    class Wrong(Sound):
        Params = Refusing

    found = failures(Wrong)
    assert list(found) == ["params defaults"]
    assert "low" in found["params defaults"]


def test_params_without_a_json_schema_fail_alone():
    class Opaque(PluginParams):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        how: type(np.random.default_rng()) | None = None

    class Unwritable(Sound):
        Params = Opaque

    assert list(failures(Unwritable)) == ["params schema"]


def test_a_broken_plugin_fails_to_load_and_nothing_else_is_tried():
    class Unversioned(Sound):
        version = ""

    results = check(entry_for(Unversioned))

    assert [(r.name, r.passed) for r in results] == [("loads", False)]
    assert "version" in results[0].message


def test_example_sets_hold_each_row_once():
    sets = example_sets(50, (40, 100), complete=False)

    assert sorted(sets.members) == list(range(int(sets.available.sum())))
    assert sets.available.min() == 0
    assert sets.available.max() == 3
