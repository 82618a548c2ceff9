"""Plans on disk."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mpcs_bench.errors import StoreError
from mpcs_bench.records import PlannedCell, PlanRecord, read_plans, write_plan

CELL = PlannedCell(
    key="abc",
    position=0,
    experiment="op",
    label="Ordered Pair",
    axes={"dataset": "breakhis", "fold": 0, "label_fraction": 0.2},
    symbolic="exp-03/op/fold=0",
    conditions={"image_size": [224, 224]},
    dataset="breakhis",
    fingerprint="f1",
    split_hash="s1",
    stages=("pre",),
)
PLAN = PlanRecord(
    protocol="exp-03",
    title="Table 5",
    scale="paper",
    baseline="imagenet",
    planned_at="2026-01-02T03:04:05.000+00:00",
    cells=(CELL, replace(CELL, key=None, position=1, symbolic="exp-03/op/fold=1", stages=())),
)


def test_plans_are_read_as_they_were_written_by_name(tmp_path):
    other = replace(PLAN, protocol="exp-01", cells=())
    write_plan(tmp_path, PLAN)
    write_plan(tmp_path, other)

    assert read_plans(tmp_path) == [other, PLAN]
    assert read_plans(tmp_path / "absent") == []


def test_a_plan_replaces_the_earlier_one(tmp_path):
    write_plan(tmp_path, PLAN)
    write_plan(tmp_path, replace(PLAN, cells=PLAN.cells[:1]))

    assert [len(plan.cells) for plan in read_plans(tmp_path)] == [1]


def test_an_unknown_axis_is_refused(tmp_path):
    wrong = replace(PLAN, cells=(replace(CELL, axes={"tempreature": 0.1}),))

    with pytest.raises(StoreError, match=r"'tempreature' is no axis .*exp-03/op/fold=0"):
        write_plan(tmp_path, wrong)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda plan: plan | {"format": 7}, "format version 7"),
        (lambda plan: {k: v for k, v in plan.items() if k != "scale"}, "lacks the field 'scale'"),
        (lambda plan: plan | {"cells": None}, "is damaged"),
    ],
)
def test_a_damaged_plan_is_named_with_its_file(tmp_path, damage, message):
    path = write_plan(tmp_path, PLAN)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))

    with pytest.raises(StoreError, match=message) as caught:
        read_plans(tmp_path)
    assert str(path) in str(caught.value)


def test_the_margin_is_kept_and_plans_from_before_it_say_three_points(tmp_path):
    path = write_plan(tmp_path, replace(PLAN, margin=1.5))
    assert read_plans(tmp_path)[0].margin == 1.5

    document = json.loads(path.read_text())
    del document["margin"]
    path.write_text(json.dumps(document))
    assert read_plans(tmp_path)[0].margin == 3.0
