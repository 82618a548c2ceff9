"""From predictions in a store to verdicts on a claim, and back into the store."""

from __future__ import annotations

import pytest

from mpcs_bench.report.paper import Intention, paper_verdict_rows
from mpcs_bench.report.paper.opening import ELSEWHERE, opening_verdicts
from mpcs_bench.store import VerdictRow


@pytest.fixture
def built(runs):
    """Plan, commit, and report."""

    def build(scale="paper", kind="outperforms", kept=True, margin=3.0):
        made = runs(kind)
        plan, results = made.planned(scale, kept)
        store = made.commit(plan, margin, results)
        return store, made.report("p")

    return build


def test_trained_models_are_asked_from_their_predictions(built):
    _, report = built()
    [verdict] = report.claims

    assert verdict.word == "holds", verdict.why
    assert verdict.decisive.trained == "higher"


def test_reaching_is_asked_of_the_trained_models_by_the_interval_of_their_difference(built):
    _, report = built(kind="reaches")
    [verdict] = report.claims

    assert verdict.word == "holds", verdict.why
    assert "and of these trained models" in verdict.why


@pytest.mark.parametrize("kind", ["outperforms", "reaches"])
def test_without_predictions_one_question_stays_open(built, kind):
    _, report = built(kept=False, kind=kind)
    [verdict] = report.claims

    assert verdict.word == "undecided"
    assert "one of the two questions was asked" in verdict.why
    assert "no stored predictions" in verdict.why


def test_the_margin_is_that_of_the_plan(built):
    _, report = built(margin=1.25)

    assert [table.margins for table in report.tables] == [(1.25,)]
    assert {cell.verdict.margin for cell in report.tables[0].cells if cell.ours} == {1.25}


def test_verdicts_can_be_asked_for_in_sql_and_replace_earlier_ones(built):
    store, report = built(scale="small")
    for _ in range(2):
        store.save_verdicts(VerdictRow(**row) for row in paper_verdict_rows(report))

    _, rows = store.query(
        "SELECT verdict, scale, runs, protocols, reasons[1], n FROM verdicts WHERE row_id = 'new' "
        "AND column_id = '40x'"
    )
    assert rows == [("not comparable", "small", "Scale small", ["p"], "scale small", 5)]
    _, rows = store.query("SELECT claim_id, verdict FROM verdicts WHERE claim_id IS NOT NULL")
    assert rows == [("better", "not comparable")]
    _, rows = store.query("SELECT count(*) FROM verdicts WHERE verdict = 'not run'")
    assert rows == [(5,)]


def test_the_stored_numbers_are_points(built, accuracy):
    store, report = built()
    store.save_verdicts(VerdictRow(**row) for row in paper_verdict_rows(report))
    _, [cell] = store.query(
        "SELECT difference, low, high, margin, smallest_margin, z FROM verdicts "
        "WHERE row_id = 'new' AND column_id = '40x'"
    )
    _, [claim] = store.query(
        "SELECT difference, low < difference, n FROM verdicts WHERE claim_id = 'better'"
    )

    assert cell[0] == pytest.approx(accuracy["new"] - 87.0)
    assert (cell[2] - cell[1]) / 2 == pytest.approx(cell[4])
    assert cell[3] == 3.0
    [filled] = [c for c in report.tables[0].cells if c.published.name == "table-1/new/40x"]
    assert cell[5] == pytest.approx(cell[0] / filled.verdict.test.standard_error)
    assert claim == (pytest.approx(accuracy["new"] - accuracy["plain"]), True, 5)


@pytest.mark.parametrize(("scale", "read"), [("paper", True), ("small", False)])
def test_the_page_of_a_protocol_opens_with_its_verdicts(runs, scale, read):
    made = runs()
    plan, results = made.planned(scale)
    store = made.commit(plan, results=results)
    asked = []

    def intention() -> Intention:
        asked.append(True)
        return Intention()

    with store.reader() as connection:
        lines = opening_verdicts(connection, "p", [made.publication], intention)

    assert bool(asked) == read, "the protocols at the paper's scale are read only for such runs"
    if read:
        assert lines[0].startswith("Verdicts on the published values of made-up: ")
        assert lines[1] == "Verdicts on its claims, from this protocol alone: 1 holds."
    else:
        assert lines == (
            "Verdict: not comparable with the published values of made-up: scale small. "
            + ELSEWHERE,
        )
