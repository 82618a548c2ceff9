"""Runs that differ never share a table, and each says why it is not comparable."""

from __future__ import annotations

import pytest

from mpcs_bench.errors import BenchError
from mpcs_bench.report.paper import Intention
from mpcs_bench.report.paper.words import heading, not_comparable

TWO_FOLDS = "matrix.fold=[0, 1]"


def told(table):
    return {(item.kind, item.name, item.ours) for item in table.variant.departures}


def test_a_protocol_as_it_ships_is_comparable(paper):
    paper.run("exp-03")
    [found] = paper.report().tables

    assert found.variant.departures == ()
    assert found.variant.comparable
    assert found.name == "table-5"
    assert heading(found.variant) == "At the paper's scale"


def test_a_scaled_down_run_is_a_table_of_its_own_behind_the_papers_scale(paper, at):
    paper.run("exp-03", overlays=["smoke"], called="exp-03-smoke")
    paper.run("exp-03")
    first, second = paper.report().tables

    assert (first.name, first.variant.scale) == ("table-5", "paper")
    assert (second.name, second.variant.scale) == ("table-5-smoke", "smoke")
    assert second.variant.protocols == ("exp-03-smoke",)
    assert len(at(first, "rn50-image-op", "40x").ours.folds) == 5
    assert len(at(second, "rn50-image-op", "40x").ours.folds) == 2


def test_the_reasons_of_a_scaled_down_run_are_what_differs(paper):
    paper.run("exp-03", overlays=["smoke"])
    report = paper.report()
    [found] = report.tables

    assert {
        ("scale", "scale", "smoke"),
        ("data", "data", "synthetic"),
        ("data", "data of pre-training", "synthetic"),
        ("encoder", "encoder", "timm/test_resnet"),
        ("method", "weights", "none"),
        ("folds", "folds", "2"),
        ("setting", "finetuning.epochs", "1"),
        ("setting", "pretraining.epochs", "1"),
        ("setting", "dataset.image_size", "48 × 32"),
    } <= told(found)
    names = {item.name for item in found.variant.departures}
    assert not {"device", "threads", "dataset.split.seed"} & names
    assert not any(".params." in name for name in names), "parameters of another plugin"
    text = not_comparable(found.variant)
    assert "encoder timm/test_resnet instead of efficientnet-b2 or resnet50" in text
    assert "pretraining.batch_size: 16 instead of 128 or 1024" in text
    assert "Scaled-down run (scale smoke): not comparable with published values: Table 5." in (
        report.warnings
    )


def test_an_encoder_of_no_published_row_stands_beside_both_of_them(paper, at):
    paper.run("exp-03", overlays=["smoke"])
    [found] = paper.report().tables

    for row in ("b2-image-op", "rn50-image-op", "b2-patient-op", "rn50-patient-op"):
        cell = at(found, row, "100x")
        assert cell.ours.mean == pytest.approx(0.81), row
        assert cell.encoder == "timm/test_resnet"
    assert "timm/test_resnet" in heading(found.variant)


def test_two_fidelities_are_two_tables_and_their_decisions_the_reasons(paper):
    for name in ("exp-01", "exp-02", "exp-03", "exp-04"):
        paper.run(name, assignments=[TWO_FOLDS])
        paper.run(
            name,
            overlays=["released-code"],
            assignments=[TWO_FOLDS],
            called=f"{name}-released",
        )
    tables = paper.report().tables

    assert [t.name for t in tables] == ["table-5-changed", "table-5-changed-2"]
    paper_like, released = tables
    assert told(paper_like) == {("folds", "folds", "2")}
    assert len(paper_like.variant.protocols) == len(released.variant.protocols) == 4
    decisions = {item.name: item for item in released.variant.departures if item.kind == "decision"}
    assert decisions["temperature"].ours == "released: 0.1"
    assert decisions["temperature"].intended == ("paper: 0.01",)
    assert decisions["temperature"].experiments == ("exp-2", "exp-3", "exp-4")
    names = {item.name for item in released.variant.departures if item.kind == "setting"}
    assert "finetuning.dropout" not in names, "it is told with its decision"


def test_one_setting_changed_at_the_papers_scale_is_named(paper):
    paper.run("exp-13", assignments=["finetuning.epochs=3"])
    report = paper.report()
    [found] = report.tables

    assert told(found) == {("setting", "finetuning.epochs", "3")}
    assert "instead of 200" in not_comparable(found.variant)
    assert found.name == "table-9-changed"
    assert any("but changed" in warning and "Table 9" in warning for warning in report.warnings)


def test_a_setting_that_is_taken_away_is_told_by_its_parts(paper):
    paper.run("exp-13", assignments=["finetuning.transform.affine=null"])
    [found] = paper.report().tables

    departures = found.variant.departures
    assert "finetuning.transform.affine.translate" in {item.name for item in departures}
    assert [item for item in departures if item.ours in item.intended] == []


def test_a_parameter_that_is_no_condition_is_named_too(paper):
    paper.run("exp-13", assignments=["loss.params.temperature=0.5"])
    [found] = paper.report().tables

    assert [item.name for item in found.variant.departures] == [
        "pretraining.loss.params.temperature"
    ]


def test_runs_that_differ_only_in_such_a_parameter_are_never_joined(paper, at):
    paper.run("exp-13", lambda cell: {("test", "image_accuracy"): 0.5})
    paper.run(
        "exp-13",
        lambda cell: {("test", "image_accuracy"): 0.9},
        assignments=["loss.params.temperature=0.5"],
        called="other",
    )
    first, second = paper.report().tables

    assert at(first, "fp", "finetune-accuracy").ours.mean == 0.5
    assert at(second, "fp", "finetune-accuracy").ours.mean == 0.9


def test_runs_on_two_states_of_the_data_are_never_joined(paper, at):
    paper.run("exp-13", lambda cell: {("test", "image_accuracy"): 0.5})
    paper.run(
        "exp-13",
        lambda cell: {("test", "image_accuracy"): 0.9},
        fingerprint="e" * 64,
        called="other",
    )
    tables = paper.report().tables

    means = {at(table, "fp", "finetune-accuracy").ours.mean for table in tables}
    assert means == {0.5, 0.9}


def test_rows_under_other_conditions_are_not_put_into_one_table(paper, at):
    paper.run("exp-13")
    paper.run("exp-14", assignments=["finetuning.epochs=3"])
    first, second = paper.report().tables

    assert at(first, "fp", "finetune-accuracy").ours is not None
    assert at(first, "op", "finetune-accuracy").absence.word == "not run"
    assert at(second, "op", "finetune-accuracy").ours is not None
    assert at(second, "fp", "finetune-accuracy").absence.word == "not run"


@pytest.mark.parametrize(
    "other",
    [
        {"fingerprint": "e" * 64},
        {"assignments": ["decisions.temperature=released"]},
    ],
    ids=["data", "decision"],
)
def test_rows_of_other_data_or_decisions_share_no_table(paper, other):
    paper.run("exp-13")
    paper.run("exp-14", **other)
    first, second = paper.report().tables

    assert first.variant.protocols == ("exp-13",)
    assert second.variant.protocols == ("exp-14",)


def test_an_encoder_of_no_published_row_shares_no_table_with_one_that_has_rows(paper, at):
    paper.run("exp-09", assignments=["encoder=timm/test_resnet"])
    paper.run("exp-10", assignments=["matrix.label_fraction=[1.0]"])
    first, second = (t for t in paper.report().tables if t.published.number == "7")

    assert at(first, "fp", "image-test").encoder == "resnet50"
    assert at(first, "imagenet", "image-test").absence.word == "not run"
    assert at(second, "imagenet", "image-test").encoder == "timm/test_resnet"


def test_encoders_and_adaptations_differ_by_design_and_share_a_table(paper):
    paper.run("exp-01")
    paper.run("exp-03")
    paper.run("exp-13")
    assert [table.name for table in paper.report().tables] == ["table-5", "table-9"]


def test_a_cell_that_two_protocols_share_counts_once(paper, at):
    paper.run("exp-13")
    paper.run("exp-13", called="copy")
    [found] = paper.report().tables

    assert len(at(found, "fp", "finetune-accuracy").ours.folds) == 5


def test_a_cell_that_protocols_of_two_scales_share_counts_at_the_papers(paper):
    paper.run("exp-13", assignments=["scale=small"], called="copy")
    paper.run("exp-13")
    [found] = paper.report().tables

    assert (found.name, found.variant.protocols) == ("table-9", ("exp-13",))


def test_what_cannot_be_held_to_a_protocol_is_said(paper):
    paper.run("exp-13")
    [found] = paper.report(intention=Intention()).tables

    assert found.variant.unheld == ("exp-13",)


def test_protocols_that_no_table_knows_are_refused(paper):
    paper.run("ucsb-scratch", assignments=[TWO_FOLDS])
    with pytest.raises(BenchError, match="No published table"):
        paper.report(publication=None)
    with pytest.raises(BenchError, match="No published table"):
        paper.report()


def test_tables_without_any_experiment_of_ours_are_named(paper):
    paper.run("exp-13")
    report = paper.report()

    assert [unfed.table.id for unfed in report.unfed] == [
        "table-5",
        "table-6",
        "table-7",
        "table-8",
    ]
    assert report.unfed[0].experiments == ("exp-1", "exp-2", "exp-3", "exp-4")
