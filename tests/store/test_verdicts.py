"""Verdicts and margins in the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from mpcs_bench.records import write_plan
from mpcs_bench.store import VerdictRow

NOON = datetime(2025, 1, 2, 12, 0, tzinfo=timezone(timedelta(hours=2)))


def row(source="a", **more):
    return VerdictRow(source=source, verdict="equivalent", computed_at=NOON, **more)


def test_verdicts_are_read_as_they_were_saved(workspace):
    workspace.store.save_verdicts(
        [
            row(
                table_id="table-5",
                row_id="r",
                column_id="c",
                runs="At the paper's scale",
                protocols=("exp-01", "exp-02"),
                scale="paper",
                reasons=("one", "two"),
                difference=-0.5,
                low=-1.5,
                high=0.5,
                margin=3.0,
                smallest_margin=1.0,
                n=5,
                z=-1.25,
            )
        ]
    )

    assert workspace.store.query("FROM verdicts")[1] == [
        (
            *("a", "table-5", "r", "c", None, "At the paper's scale", ["exp-01", "exp-02"]),
            *("paper", "equivalent", ["one", "two"], -0.5, -1.5, 0.5, 3.0, 1.0, 5, -1.25),
            datetime(2025, 1, 2, 10, 0),
        )
    ]


def test_verdicts_on_a_publication_replace_its_earlier_ones_and_no_others(workspace):
    workspace.store.save_verdicts([row(claim_id="old"), row("b", claim_id="kept")])
    workspace.store.save_verdicts([row(claim_id="new")])

    _, rows = workspace.store.query("SELECT source, claim_id FROM verdicts ORDER BY ALL")
    assert rows == [("a", "new"), ("b", "kept")]


def test_the_margin_of_a_plan_is_in_the_view_and_survives_a_rebuild(workspace):
    plan = replace(workspace.plan(workspace.cell(0, 0)), margin=1.5)
    workspace.store.commit(plans=[plan])
    write_plan(workspace.store.workspace, plan)
    before = workspace.store.query("SELECT margin FROM protocols")[1]
    workspace.store.rebuild()

    assert before == workspace.store.query("SELECT margin FROM protocols")[1] == [(1.5,)]
