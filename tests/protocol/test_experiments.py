"""Experiments of a protocol: an overlay or `--set` adds one, changes one, takes one out."""

from __future__ import annotations

import pytest

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.load import load

WIDEST = "experiments:\n  widest: {label: Widest Pair, set: {strategy: random}}\n"


@pytest.fixture
def overlaid(loaded, write):
    """Load the small protocol, some text of it replaced, under an overlay of this text."""

    def make(text: str, *replacements: tuple[str, str]):
        overlay = write(text=text, name="mine.yaml")
        return loaded(*replacements, overlays=[str(overlay)])

    return make


@pytest.fixture
def refused(overlaid):
    def make(text: str, *replacements: tuple[str, str]) -> ProtocolError:
        with pytest.raises(ProtocolError) as caught:
            overlaid(text, *replacements)
        return caught.value

    return make


def labels(loaded) -> dict[str, str]:
    return {name: item.label for name, item in loaded.protocol.experiments.items()}


def test_an_overlay_adds_an_experiment_after_those_that_are_there(overlaid):
    assert list(labels(overlaid(WIDEST)).items()) == [
        ("baseline", "No pre-training"),
        ("ordered", "Ordered Pair"),
        ("widest", "Widest Pair"),
    ]


@pytest.mark.parametrize(
    "assignments",
    [
        ["experiments.widest.label=Widest Pair", "experiments.widest.set.strategy=random"],
        ["experiments.widest.set.strategy=random", "experiments.widest.label=Widest Pair"],
        ["experiments.widest={label: Widest Pair, set: {strategy: random}}"],
    ],
)
def test_an_assignment_adds_what_the_overlay_adds(assignments, loaded, overlaid):
    assert loaded(assignments=assignments).protocol == overlaid(WIDEST).protocol


def test_another_experiment_leaves_the_cells_of_the_others_as_they_are(cells, write):
    overlay = write(text=WIDEST, name="mine.yaml")
    before, after = cells(), cells(overlays=[str(overlay)])
    assert after[: len(before)] == before
    assert [(c.experiment, c.label, c.names["strategy"]) for c in after[len(before) :]] == [
        ("widest", "Widest Pair", "random")
    ]


def test_an_overlay_changes_a_label_or_one_thing_that_is_set(overlaid):
    changed = overlaid(
        "experiments:\n  baseline: {label: From scratch}\n  ordered: {set: {strategy: random}}\n",
        ("label: Ordered Pair", "label: Ordered Pair, set: {encoder: wide-net, strategy: fixed}"),
    )
    assert labels(changed) == {"baseline": "From scratch", "ordered": "Ordered Pair"}
    assert [item.set for item in changed.protocol.experiments.values()] == [
        {"pretraining": None},
        {"encoder": "wide-net", "strategy": "random"},
    ]


@pytest.mark.parametrize("name", ["strategy", "pretraining.strategy"])
def test_parameters_alone_add_to_the_plugin_that_an_experiment_sets_in_short(name, overlaid):
    changed = overlaid(
        f"experiments: {{ordered: {{set: {{{name}: {{params: {{size: 3}}}}}}}}}}\n",
        ("label: Ordered Pair", f"label: Ordered Pair, set: {{{name}: fixed}}"),
    )
    assert changed.protocol.experiments["ordered"].set == {
        name: {"plugin": "fixed", "params": {"size": 3}}
    }


def test_a_dotted_setting_and_an_id_with_dots_may_be_assigned(loaded):
    changed = loaded(
        ("  ordered:", "  v1.2:"),
        assignments=["experiments.v1.2.set.finetuning.epochs=9", "experiments.v1.2.label=Long"],
    ).protocol.experiments["v1.2"]
    assert (changed.label, changed.set) == ("Long", {"finetuning.epochs": 9})


@pytest.mark.parametrize(
    "text", ["experiments.ordered.set.weights", "experiments.ordered.set", "experiments"]
)
def test_paths_that_an_assigned_experiment_sets_lie_in_the_current_folder(
    text, loaded, tmp_path, monkeypatch
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    value = "{source: file, file: a.pt}"
    for part in reversed(["ordered", "set", "weights"][text.count(".") :]):
        value = f"{{{part}: {value}}}"
    weights = loaded(assignments=[f"{text}={value}"]).protocol.experiments["ordered"].set["weights"]
    assert weights["file"] == str(tmp_path / "here" / "a.pt")


def test_an_overlay_takes_an_experiment_out(overlaid):
    assert list(labels(overlaid("experiments: {baseline: null}\n"))) == ["ordered"]


def test_an_assignment_takes_an_experiment_out(loaded):
    assert list(labels(loaded(assignments=["experiments.ordered=null"]))) == ["baseline"]


def test_a_file_that_another_extends_may_take_an_experiment_out(write):
    write(name="bottom.yaml")
    write(text="experiments: {baseline: null}", name="without.yaml")
    top = write(text="extends: [bottom.yaml, without.yaml]", name="t.yaml")
    assert list(labels(load(str(top), []))) == ["ordered"]


def test_an_experiment_that_was_taken_out_may_come_again_as_another(loaded):
    again = loaded(
        assignments=["experiments.baseline=null", "experiments.baseline.label=With pre-training"]
    )
    assert list(again.protocol.experiments) == ["ordered", "baseline"]
    assert again.protocol.experiments["baseline"].set == {}


# --- what cannot be -----------------------------------------------------------------------------


def test_an_experiment_that_is_not_there_cannot_be_taken_out(refused, tmp_path):
    error = refused("experiments:\n  orderd: null\n")
    assert error.message == (
        "'experiments.orderd': null takes an experiment out, and there is none called 'orderd' "
        "(there: baseline, ordered). Did you mean 'ordered'?"
    )
    assert str(error.location) == f"{tmp_path / 'mine.yaml'}:2:3"


def test_a_protocol_without_experiments_is_refused(refused):
    error = refused("experiments: {baseline: null, ordered: null}\n")
    assert error.message == "'experiments': a protocol needs an experiment, and none is left"


def test_the_baseline_of_the_report_cannot_be_taken_out_alone(refused):
    error = refused(
        "experiments: {baseline: null}\n", ("matrix:", "report: {baseline: baseline}\nmatrix:")
    )
    assert "no experiment is called 'baseline' (there: ordered)" in error.message


def test_nothing_but_experiments_is_taken_out(refused):
    assert "'datasets.tissue': should be a mapping" in refused("datasets: {tissue: null}").message


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("label: Ordered Pair", "two experiments cannot share a label"),
        ("set: {strategy: random}", "'experiments.widest.label' is missing"),
        ("label: W, st: {}", "unknown key 'experiments.widest.st'. Did you mean 'set'?"),
    ],
)
def test_what_an_overlay_adds_wrong_is_refused_at_its_line(settings, words, refused, tmp_path):
    error = refused(f"experiments:\n  widest: {{{settings}}}\n")
    assert words in error.message
    assert (error.location.file, error.location.line) == (str(tmp_path / "mine.yaml"), 2)


@pytest.mark.parametrize("name", ["finetuning.epoch", "stategy"])
def test_a_wrong_setting_of_an_added_experiment_is_refused_where_it_was_said(name, cells, write):
    overlay = write(
        text=f"experiments:\n  w:\n    label: W\n    set:\n      {name}: x\n", name="mine.yaml"
    )
    assignments = ["experiments.w.label=W", f"experiments.w.set.{name}=x"]
    for options, place in (
        ({"overlays": [str(overlay)]}, f"{overlay}:5:7"),
        ({"assignments": assignments}, f"--set {assignments[1]}"),
    ):
        with pytest.raises(ProtocolError, match=f"unknown setting '{name}'") as caught:
            cells(**options)
        assert str(caught.value.location) == place
