"""A margin that was widened after the run, from the plan on disk to every place that tells it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mpcs_bench.report.paper import Intention, paper_verdict_rows
from mpcs_bench.report.paper.markdown import render_paper_markdown
from mpcs_bench.report.paper.opening import opening_verdicts
from mpcs_bench.report.paper.page import paper_page
from mpcs_bench.store import Store, VerdictRow

LATE = (
    "margin set after the run: widened from 3 to 20 points on 2025-01-02, with 10 results "
    "there; the smallest, 3, counts (p)"
)


@pytest.fixture
def widened(runs):
    """Run with a margin of 3 points, then plan 20."""
    made = runs("equality")
    plan, results = made.planned()
    made.commit(plan, 3.0, results)
    made.commit(plan, 20.0)
    return made


def test_a_margin_that_is_widened_after_the_run_does_not_count_and_is_told(widened):
    made, store = widened.report("p"), Store(widened.workspace)
    [cell] = [c for c in made.tables[0].cells if c.published.name == "table-1/new/40x"]
    [claim] = made.claims

    assert (cell.verdict.word, cell.verdict.margin) == ("out of reach", 3.0)
    assert cell.verdict.test.margin_shown < 20, "at 20 points it would be equivalent"
    assert LATE in cell.verdict.warnings
    assert claim.word != "holds"
    assert LATE in claim.warnings
    page = render_paper_markdown(paper_page(made, {}))
    assert page.replace("\\", "").count(LATE.removeprefix("m")) == 2, "claim, and table"
    store.save_verdicts(VerdictRow(**row) for row in paper_verdict_rows(made))
    _, rows = store.query(
        "SELECT count(*) FILTER (row_id = 'new' AND column_id = '40x'), "
        "count(*) FILTER (claim_id = 'better') "
        "FROM verdicts WHERE list_contains(reasons, $$" + LATE + "$$)"
    )
    assert rows == [(1, 1)]


def test_what_was_set_after_the_run_survives_a_rebuild(widened):
    store = Store(widened.workspace)
    before = store.query("SELECT margin, margin_note FROM protocols")[1]
    store.rebuild()

    assert store.query("SELECT margin, margin_note FROM protocols")[1] == before
    assert before == [(3.0, LATE.removesuffix(" (p)"))]
    assert widened.report("p").tables[0].margins == (3.0,)


def test_the_page_of_the_protocol_tells_it_too(widened):
    with Store(widened.workspace).reader() as connection:
        lines = opening_verdicts(connection, "p", [widened.publication], Intention)

    assert lines[1] == f"M{LATE[1:]}."


def test_another_protocol_with_the_same_cells_does_not_widen_the_margin(runs):
    """Both margins stood before the run: whichever protocol is reported, the smallest counts."""
    made = runs("equality")
    plan, results = made.planned()
    made.commit(plan, 3.0)
    made.commit(replace(plan, protocol="q"), 20.0, results)

    [table] = made.report("q").tables
    assert (table.margins, table.margin) == ((3.0, 20.0), 3.0)
