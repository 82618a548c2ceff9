"""The digest depends on the numbers, and on nothing else."""

from __future__ import annotations

import json

import pytest

from mpcs_bench.records import (
    ResultSpec,
    ResultTables,
    check_result,
    metrics_table,
    predictions_table,
    write_result,
)


def write(workspace, key="k", metrics=(), predictions=(), **spec):
    given = {"kind": "finetune", "symbolic": "s", "stage_version": 1, "spec": {}, "axes": {}}
    return write_result(
        workspace.results,
        ResultSpec(key=key, **(given | spec)),
        ResultTables(metrics=metrics_table(metrics), predictions=predictions_table(predictions)),
    )


METRIC = {"part": "test", "test_magnification": 40, "metric": "f1", "value": 0.5, "n": 4}
PREDICTION = {
    "part": "test",
    "sample_id": "a",
    "pixel_hash": "f0",
    "image_id": "a",
    "patient_id": "p",
    "group_id": "g",
    "magnification": 40,
    "patch_index": 0,
    "label": 1,
    "predicted": 1,
    "score": 0.75,
    "logits": [0.25, 1.5],
    "threshold": 0.5,
}


def digest_of(make_workspace, name, metrics=(METRIC,), predictions=(PREDICTION,), **spec):
    workspace = make_workspace(name)
    workspace.store.commit(results=[write(workspace, metrics=metrics, predictions=predictions)])
    return workspace.store.digest()


@pytest.fixture(scope="module")
def base(tmp_path_factory, unchanged):
    """The digest of METRIC and PREDICTION alone."""
    workspace = type(unchanged)(tmp_path_factory.mktemp("base"))
    workspace.store.commit(results=[write(workspace, metrics=[METRIC], predictions=[PREDICTION])])
    return workspace.store.digest()


def test_the_same_numbers_give_the_same_digest(make_workspace, base):
    assert digest_of(make_workspace, "again") == base


def test_the_order_of_commits_and_the_folder_do_not_matter(workspace, make_workspace):
    other = make_workspace("somewhere/else")
    workspace.store.commit(results=[workspace.result(fold) for fold in (0, 1, 2)])
    for fold in (2, 0, 1):
        other.store.commit(results=[other.pretraining(f"pre{fold}"), other.result(fold)])

    assert workspace.store.digest() == other.store.digest()
    assert len(workspace.store.digest()) == 64


def test_the_order_of_rows_in_a_result_does_not_matter(make_workspace):
    rows = [PREDICTION, PREDICTION | {"sample_id": "b", "score": None, "threshold": None}]
    metrics = [METRIC, METRIC | {"part": "validation"}]

    one = digest_of(make_workspace, "one", metrics, rows)
    assert digest_of(make_workspace, "two", metrics[::-1], rows[::-1]) == one


def test_signs_of_zero_and_kinds_of_nan_do_not_matter(make_workspace):
    nans = (float("nan"), -float("nan"))
    digests = [
        digest_of(
            make_workspace,
            f"w{number}",
            [METRIC | {"value": nan}],
            [PREDICTION | {"logits": [zero, 1.0]}],
        )
        for number, (nan, zero) in enumerate(zip(nans, (0.0, -0.0), strict=True))
    ]

    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("metric", "prediction"),
    [
        ({"value": 0.5 + 2**-50}, {}),
        ({"n": 5}, {}),
        ({"metric": "f2"}, {}),
        ({"test_magnification": 100}, {}),
        ({}, {"logits": [0.25, 1.5 + 2**-22]}),
        ({}, {"logits": [0.25, 1.5, 0.0]}),
        ({}, {"score": 0.75 + 2**-50}),
        ({}, {"score": None}),
        ({}, {"threshold": None}),
        ({}, {"predicted": 0}),
        ({}, {"label": 0}),
        ({}, {"sample_id": "b"}),
        ({}, {"pixel_hash": "f1"}),
        ({}, {"part": "validation"}),
    ],
)
def test_every_number_matters(make_workspace, base, metric, prediction):
    changed = digest_of(make_workspace, "new", [METRIC | metric], [PREDICTION | prediction])

    assert changed != base


def test_logits_cannot_move_from_one_sample_to_the_next(make_workspace):
    first, second = PREDICTION | {"logits": [1.0]}, PREDICTION | {"sample_id": "b"}
    one = digest_of(
        make_workspace, "one", (), [first | {"logits": [1.0, 2.0]}, second | {"logits": [3.0]}]
    )
    two = digest_of(
        make_workspace, "two", (), [first | {"logits": [1.0]}, second | {"logits": [2.0, 3.0]}]
    )

    assert one != two


def test_the_key_matters(make_workspace):
    digests = set()
    for key in ("a", "b"):
        workspace = make_workspace(key)
        workspace.store.commit(results=[write(workspace, key, [METRIC])])
        digests.add(workspace.store.digest())

    assert len(digests) == 2


def test_a_digest_can_be_of_some_protocols(workspace):
    plans = [
        workspace.plan(workspace.cell(0, 0), protocol="exp-01"),
        workspace.plan(workspace.cell(0, 1), workspace.cell(1, 0), protocol="exp-02"),
    ]
    workspace.store.commit(plans=plans, results=[workspace.result(0), workspace.result(1)])
    store = workspace.store

    assert store.digest(["exp-02"]) == store.digest() == store.digest(["exp-01", "exp-02"])
    assert store.digest(["exp-01"]) != store.digest()
    assert store.digest(["exp-09"]) == store.digest([])


def test_cells_that_have_not_run_do_not_matter(workspace):
    workspace.store.commit(results=[workspace.result(0)])
    before = workspace.store.digest()
    workspace.store.commit(plans=[workspace.plan(workspace.cell(0, 0), workspace.cell(1, 1))])

    assert workspace.store.digest() == before


def test_metadata_of_a_result_does_not_matter(workspace, make_workspace):
    other = make_workspace("other")
    paths = [workspace.result(0), other.result(0)]
    manifest = json.loads((paths[1] / "manifest.json").read_text())
    manifest |= {"created": "2001-01-01T00:00:00+00:00", "timings": {"seconds": 9e9}}
    (paths[1] / "manifest.json").write_text(json.dumps(manifest))
    assert check_result(paths[1]) == []
    for workspace_, path in zip((workspace, other), paths, strict=True):
        workspace_.store.commit(results=[path])

    assert workspace.store.digest() == other.store.digest()
