"""Which setting changes which stage: nothing more, nothing less."""

from __future__ import annotations

import pytest

from mpcs_bench.protocol.cells import LIGHT_AXES
from mpcs_bench.protocol.schema import CellSettings, Protocol
from mpcs_bench.protocol.settings import is_path, nested_model, role_of, walk

THREE = (
    "  ordered: {label: Ordered Pair}",
    "  ordered: {label: Ordered Pair}\n"
    "  floor: {label: Floor, set: {adaptation: colour-floor, pretraining: null}}",
)
TWO_DATA_SETS = ("encoder: net", "  other: {plugin: slides, root: other}\nencoder: net")
FULL = (
    "affine: {zoom: [0.8, 1.25]}",
    "affine: {zoom: [0.8, 1.25]}\n    rotation: {}\n    colour: {}",
)
SELECTING = ("  epochs: 3\n", "  epochs: 3\n  selection: {rule: validation}\n")

ALL = {"pretrain", "scratch", "tuned", "floor"}
NETWORKS = {"pretrain", "scratch", "tuned"}
PRETRAINING = {"pretrain", "tuned"}
FINETUNING = {"scratch", "tuned"}
DOWNSTREAM = {"scratch", "tuned", "floor"}
NOTHING: set[str] = set()

_TRANSFORM = {
    "input_size": "[32, 32]",
    "framing": "crop",
    "test_framing": "whole",
    "flip.horizontal": "0.1",
    "flip.vertical": "0.1",
    "flip.views": "shared",
    "rotation.degrees": "90",
    "rotation.p": "0.1",
    "rotation.views": "shared",
    "affine.translate": "0.1",
    "affine.zoom": "[1, 1]",
    "affine.p": "0.1",
    "affine.views": "shared",
    "crop.views": "shared",
    "colour.brightness": "0.1",
    "colour.contrast": "0.1",
    "colour.saturation": "0.1",
    "colour.hue": "0.1",
    "colour.p": "0.1",
    "colour.views": "shared",
}
_OPTIMIZER = {
    "name": "sgd",
    "learning_rate": "0.1",
    "weight_decay": "0.1",
    "momentum": "0.1",
    "schedule": "cosine",
    "warmup": "0.1",
    "bias_scale": "0.1",
}
EFFECTS: dict[str, tuple[str, set[str]]] = {
    "datasets.tissue.plugin": ("more-slides", ALL),
    "datasets.tissue.params": ("{size: 3}", ALL),
    "datasets.tissue.image_size": ("[80, 80]", ALL),
    "datasets.tissue.split.scheme": ("official", ALL),
    "datasets.tissue.split.folds": ("4", ALL),
    "datasets.tissue.split.group": ("case", ALL),
    "datasets.tissue.split.stratify": ("label", ALL),
    "datasets.tissue.split.seed": ("1", ALL),
    "datasets.tissue.split.accept": ("[group-overlap]", ALL),
    "encoder.plugin": ("wide-net", NETWORKS),
    "encoder.params": ("{size: 3}", NETWORKS),
    "weights.source": ("imagenet", NETWORKS),
    "adaptation": ("colour-floor", NETWORKS),
    "pretraining.dataset": ("other", PRETRAINING),
    "pretraining.strategy.plugin": ("fixed", PRETRAINING),
    "pretraining.strategy.params": ("{size: 3}", PRETRAINING),
    "pretraining.loss.plugin": ("barlow", PRETRAINING),
    "pretraining.loss.params": ("{rate: 3}", PRETRAINING),
    "pretraining.magnifications": ("[40, 100]", PRETRAINING),
    "pretraining.encoder_params": ("{size: 3}", PRETRAINING),
    "pretraining.image_size": ("[80, 80]", PRETRAINING),
    "pretraining.sets.by": ("patient", PRETRAINING),
    "pretraining.sets.require": ("strategy", PRETRAINING),
    "pretraining.parts": ("[ssl, label]", PRETRAINING),
    "pretraining.head.widths": ("[8, 4]", PRETRAINING),
    "pretraining.head.bias": ("false", PRETRAINING),
    "pretraining.head.batch_norm": ("true", PRETRAINING),
    "pretraining.head.output_norm": ("true", PRETRAINING),
    "pretraining.epochs": ("9", PRETRAINING),
    "pretraining.batch_size": ("9", PRETRAINING),
    "pretraining.processes": ("2", PRETRAINING),
    "pretraining.activation_memory_budget": ("0.5", PRETRAINING),
    "finetuning.dataset": ("other", DOWNSTREAM),
    "finetuning.parts": ("[ssl, label]", DOWNSTREAM),
    "finetuning.test_magnifications": ("[40, 400]", DOWNSTREAM),
    "finetuning.epochs": ("9", FINETUNING),
    "finetuning.batch_size": ("9", FINETUNING),
    "finetuning.dropout": ("0.1", FINETUNING),
    "finetuning.class_weights": ("balanced", DOWNSTREAM),
    "finetuning.threshold": ("0.2", DOWNSTREAM),
    "finetuning.vote": ("majority-but-first", DOWNSTREAM),
    "finetuning.selection.rule": ("test", DOWNSTREAM),
    "finetuning.selection.fraction": ("0.1", DOWNSTREAM),
    "finetuning.selection.metric": ("image_accuracy", DOWNSTREAM),
    "finetuning.selection.patience": ("3", DOWNSTREAM),
    "precision": ("bf16", NETWORKS),
    "compile": ("default", NETWORKS),
    "threads": ("2", NETWORKS),
    "deterministic": ("false", NETWORKS),
    "keep_weights": ("true", NOTHING),
    "attention_images": ("3", NOTHING),
    "decisions": ("{}", NOTHING),
    **{f"pretraining.transform.{k}": (v, PRETRAINING) for k, v in _TRANSFORM.items()},
    **{f"finetuning.transform.{k}": (v, FINETUNING) for k, v in _TRANSFORM.items()},
    **{f"pretraining.optimizer.{k}": (v, PRETRAINING) for k, v in _OPTIMIZER.items()},
    **{f"finetuning.optimizer.{k}": (v, FINETUNING) for k, v in _OPTIMIZER.items()},
}

NEEDED = {"pretraining.activation_memory_budget": ("compile=default",)}
"""What must be set before a setting may be."""

PATHS = {
    "datasets.tissue.root": "elsewhere",
    "datasets.tissue.split.file": "other.csv",
    "weights.file": "other.pt",
}
"""Where files lie: their content is identity, once it is read."""


@pytest.fixture
def stages(cells):
    """Return the four kinds of stage of a small protocol by name, with `--set` laid over it."""

    def make(*assignments: str, also: tuple = ()):
        found = {"pretrain": None}
        for cell in cells(THREE, TWO_DATA_SETS, FULL, SELECTING, *also, assignments=assignments):
            name = {"baseline": "scratch", "ordered": "tuned", "floor": "floor"}[cell.experiment]
            found[name] = cell.stage
            if cell.stage.upstream is not None:
                found["pretrain"] = cell.stage.upstream
        return found

    return make


def changed(before, after) -> set[str]:
    symbols = [{k: s and s.symbol for k, s in stages.items()} for stages in (before, after)]
    return {name for name in ALL if symbols[0][name] != symbols[1][name]}


@pytest.mark.parametrize("name", EFFECTS)
def test_a_setting_changes_these_stages_and_no_others(name, stages):
    value, expected = EFFECTS[name]
    needed = NEEDED.get(name, ())
    assert changed(stages(*needed), stages(*needed, f"{name}={value}")) == expected


@pytest.mark.parametrize("name", ["fraction", "metric", "patience"])
def test_what_a_selection_rule_has_no_use_for_changes_no_stage(name, stages):
    value, _ = EFFECTS[f"finetuning.selection.{name}"]
    last = "finetuning.selection.rule=last"
    assert changed(stages(last), stages(last, f"finetuning.selection.{name}={value}")) == NOTHING


def test_every_setting_has_its_effect_written_down():
    settings = set()
    for path, _, info in walk(CellSettings):
        _, nested = nested_model(info.annotation)
        if nested is None:
            settings.add(".".join(path).replace("*", "tissue"))
    assert settings - EFFECTS.keys() - PATHS.keys() == set(), (
        f"write into EFFECTS of {__file__} which stages these settings change"
    )
    assert (EFFECTS.keys() | PATHS.keys()) - settings == set(), "these settings are gone"


@pytest.mark.parametrize(
    ("path", "info"),
    [
        (path, info)
        for path, _, info in walk(CellSettings)
        if nested_model(info.annotation)[1] is None
    ],
    ids=lambda item: ".".join(item) if isinstance(item, tuple) else "",
)
def test_a_setting_that_changes_nothing_is_declared_so_and_the_others_are_not(path, info):
    name = ".".join(path).replace("*", "tissue")
    without_effect = name in PATHS or EFFECTS[name][1] == NOTHING
    assert without_effect == (role_of(info) in ("runtime", "label"))
    assert (name in PATHS) == is_path(info)


@pytest.mark.parametrize("name", PATHS)
def test_where_a_file_lies_enters_no_stage_s_parameters(name, stages):
    also = (
        ("{folds: 3}", "{scheme: file, file: s.csv}"),
        ("encoder: net", "weights: {source: file, file: w.pt}\nencoder: net"),
    )

    before, after = stages(also=also), stages(f"{name}={PATHS[name]}", also=also)

    for kind in ALL:
        assert before[kind].spec == after[kind].spec
    # Until they are read, two files are two things: the symbols keep them apart.
    assert changed(before, after) >= {"pretrain", "scratch", "tuned"}


@pytest.mark.parametrize(
    "assignment",
    [
        "name=another",
        "title=Another",
        "description=Other words",
        "scale=tiny",
        "plugins=[mine.py]",
        "report={baseline: ordered, notes: [a note]}",
        "experiments={baseline: {label: B}, ordered: {label: O}, floor: {label: F}}",
    ],
)
def test_names_and_words_change_no_stage(assignment, stages):
    assert changed(stages(), stages(assignment)) == NOTHING


def test_every_word_of_a_protocol_was_tried():
    tried = {"name", "title", "description", "scale", "plugins", "report", "experiments"}
    fields = Protocol.model_fields.keys() - CellSettings.model_fields.keys()
    assert fields - tried == {"extends", "matrix", "per"}


AXES = {
    "fold": ("[1]", ALL),
    "split_seed": ("[1]", ALL),
    "seed": ("[1]", NETWORKS),
    "replicate": ("[1]", NETWORKS),
    "train_magnification": ("[100]", DOWNSTREAM),
    "label_fraction": ("[0.2]", DOWNSTREAM),
}


@pytest.mark.parametrize("axis", LIGHT_AXES)
def test_an_axis_changes_these_stages_and_no_others(axis, stages):
    value, expected = AXES[axis]
    assert changed(stages(), stages(f"matrix.{axis}={value}")) == expected


def test_a_whole_number_and_the_same_number_with_a_point_are_one(stages):
    assert changed(stages("finetuning.dropout=0"), stages("finetuning.dropout=0.0")) == NOTHING
    assert changed(stages(), stages("matrix.label_fraction=[1]")) == NOTHING


def test_a_default_and_the_same_value_written_out_are_one(stages):
    assert changed(stages(), stages("finetuning.dropout=0.3")) == NOTHING


def test_the_short_form_of_a_plugin_and_the_mapping_are_one(stages):
    assert changed(stages(), stages("encoder={plugin: net, params: {}}")) == NOTHING


def test_a_setting_of_one_data_set_leaves_the_stages_of_another_alone(stages):
    moved = (
        stages("finetuning.dataset=other"),
        stages("finetuning.dataset=other", "datasets.other.image_size=[9, 9]"),
    )
    assert changed(*moved) == {"scratch", "tuned", "floor"}
