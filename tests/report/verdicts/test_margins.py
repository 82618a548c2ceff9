"""A margin that was chosen after the run is none: what plans remember, and what then counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench import api
from mpcs_bench.engine.committing import Committer
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.records import PlannedCell, PlanRecord, read_plans, write_plan
from mpcs_bench.records.margin_history import with_margins
from mpcs_bench.records.margins import DEFAULT_MARGIN, lengthened, margin_in_force

KEYS = ("a1", "a2")
OTHERS = ("b1",)


class Bench:
    """Plans protocols one after the other, with results coming in between."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        (workspace / "results").mkdir(parents=True)

    def plan(self, margin, keys=KEYS, protocol="p"):
        """Plan as a run does, and return what then counts."""
        cells = tuple(
            PlannedCell(key, place, "e", "E", {}, f"cell {key}") for place, key in enumerate(keys)
        )
        record = PlanRecord(
            protocol, "P", "paper", None, "2025-01-02T03:04:05+00:00", cells, margin=margin
        )
        write_plan(self.workspace, with_margins(self.workspace, record))
        return self.counts(protocol)

    def counts(self, protocol="p"):
        [read] = [plan for plan in read_plans(self.workspace) if plan.protocol == protocol]
        return read.margin_in_force

    def finish(self, *keys):
        for key in keys:
            (self.workspace / "results" / key).mkdir()


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "workspace")


def test_before_the_first_result_a_margin_may_be_chosen_freely(bench):
    bench.plan(3.0)

    assert bench.plan(5.0).value == 5.0
    assert bench.plan(5.0).note is None


def test_a_run_that_goes_on_with_its_margin_says_nothing(bench):
    bench.plan(5.0)
    bench.finish("a1")

    assert (bench.plan(5.0).value, bench.plan(5.0).note) == (5.0, None)


@pytest.mark.parametrize(("later", "verb", "counts"), [(20.0, "widened", 3.0), (1, "narrowed", 1)])
def test_after_the_first_result_the_smallest_counts_and_it_is_told(bench, later, verb, counts):
    bench.plan(3.0)
    bench.finish("a1")
    found = bench.plan(later)

    assert found.value == counts
    assert f"margin set after the run: {verb} from 3 to {later:g} points" in found.note
    assert "with 1 result there" in found.note


def test_taking_a_wider_margin_back_does_not_take_the_note_back(bench):
    bench.plan(3.0)
    bench.finish("a1")
    bench.plan(20.0)

    assert bench.plan(3.0).value == 3.0
    assert "widened" in bench.counts().note


def test_planning_something_else_in_between_does_not_widen_it(bench):
    """Its own cells, other cells with the same margin, others with a wider one, and back."""
    bench.plan(3.0)
    bench.finish("a1")
    bench.plan(3.0, OTHERS)
    bench.plan(20.0, OTHERS)

    assert bench.plan(20.0).value == 3.0


def test_without_the_plan_from_before_no_more_than_the_default_counts(bench):
    bench.plan(3.0)
    bench.finish("a1")
    (bench.workspace / "plans" / "p.json").unlink()
    found = bench.plan(20.0)

    assert found.value == DEFAULT_MARGIN
    assert "none is on record from before the first result" in found.note


def test_another_protocol_takes_over_the_margin_that_its_results_were_run_with(bench):
    bench.plan(5.0)
    bench.finish("a1", "a2")
    same, wider = bench.plan(5.0, protocol="q"), bench.plan(20.0, protocol="r")

    assert (same.value, same.note) == (5.0, None)
    assert wider.value == 5.0
    assert "widened from 5 to 20 points" in wider.note


def test_results_that_no_plan_tells_of_leave_the_default(bench):
    bench.plan(5.0, KEYS[:1])
    bench.finish("a1", "a2")

    assert bench.plan(5.0, protocol="q").value == DEFAULT_MARGIN


def test_a_plan_from_before_plans_kept_margins_counts_as_set_later(bench):
    bench.plan(2.0)
    path = bench.workspace / "plans" / "p.json"
    document = json.loads(path.read_text())
    del document["margins"]
    path.write_text(json.dumps(document))
    old = bench.counts()
    bench.finish("a1")
    path.write_text(json.dumps(document | {"margin": 9.0}))
    wide = bench.counts()

    assert (old.value, wide.value) == (2.0, DEFAULT_MARGIN)
    assert "does not say whether" in wide.note
    assert bench.plan(9.0).value == DEFAULT_MARGIN


def test_a_run_keeps_the_history_of_its_margin(tmp_path, tiny_protocol):
    place = Workspace(tmp_path / "workspace")
    place.create()
    protocol = str(tiny_protocol())

    def run_with(*assignments):
        plan = api.plan([protocol], place, api.Options(device="cpu", assignments=assignments))
        Committer(place.root, print).plan(plan)
        [read] = read_plans(place.root)
        return read

    first = run_with()
    (place.root / "results" / next(cell.key for cell in first.cells)).mkdir(parents=True)
    later = run_with("report.margin=20")

    assert [one.value for one in later.margins] == [3.0, 20.0]
    assert [one.results_then for one in later.margins] == [0, 1]
    assert later.margin_in_force.value == 3.0


steps = st.lists(st.tuples(st.floats(0.5, 30), st.integers(0, 3)), min_size=1, max_size=8)


@given(steps)
def test_no_sequence_of_plans_widens_what_stood_at_the_first_result(given_steps):
    history, before, seen = (), None, 0
    for margin, results in given_steps:
        history = lengthened(history, margin, "2025-01-02T03:04:05+00:00", results)
        seen = max(seen, results)
        before = before if seen else margin
        counts = margin_in_force(margin, history).value
        assert counts <= (DEFAULT_MARGIN if before is None else before)
        if seen:
            assert counts <= margin


@given(steps)
def test_a_history_only_grows(given_steps):
    history = ()
    for margin, results in given_steps:
        longer = lengthened(history, margin, "2025-01-02T03:04:05+00:00", results)
        assert longer[: len(history)] == history
        assert [one.results_then for one in longer] == sorted(one.results_then for one in longer)
        history = longer
