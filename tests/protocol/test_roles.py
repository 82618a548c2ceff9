"""Every field of the schema says what it is: for identity and for comparison."""

from __future__ import annotations

import inspect

import pytest
from pydantic import BaseModel

from mpcs_bench.protocol.schema import Protocol
from mpcs_bench.protocol.settings import ROLES, Settings, identity, role_of, setting, walk

DECIDED = """
DatasetSettings.plugin       condition
DatasetSettings.params       condition
DatasetSettings.root         runtime
DatasetSettings.image_size   condition
DatasetSettings.split        condition
Split.scheme                 condition
Split.folds                  condition
Split.group                  condition
Split.stratify               condition
Split.seed                   condition
Split.file                   runtime
Split.accept                 condition
PluginRef.plugin             factor
PluginRef.params             factor
Weights.source               factor
Weights.file                 runtime
Pretraining.dataset          condition
Pretraining.strategy         factor
Pretraining.loss             factor
Pretraining.encoder_params   condition
Pretraining.magnifications   condition
Pretraining.image_size       condition
Pretraining.sets             condition
Pretraining.parts            condition
Pretraining.transform        condition
Pretraining.head             condition
Pretraining.optimizer        condition
Pretraining.epochs           condition
Pretraining.batch_size       condition
Pretraining.processes        condition
Pretraining.activation_memory_budget condition
Sets.by                      condition
Sets.require                 condition
Transform.input_size         condition
Transform.framing            condition
Transform.test_framing       condition
Transform.flip               condition
Transform.rotation           condition
Transform.affine             condition
Transform.crop               condition
Transform.colour             condition
Flip.horizontal              condition
Flip.vertical                condition
Flip.views                   condition
Rotation.degrees             condition
Rotation.p                   condition
Rotation.views               condition
Affine.translate             condition
Affine.zoom                  condition
Affine.p                     condition
Affine.views                 condition
Crop.views                   condition
ColourJitter.brightness      condition
ColourJitter.contrast        condition
ColourJitter.saturation      condition
ColourJitter.hue             condition
ColourJitter.p               condition
ColourJitter.views           condition
Head.widths                  condition
Head.bias                    condition
Head.batch_norm              condition
Head.output_norm             condition
Optimizer.name               condition
Optimizer.learning_rate      condition
Optimizer.weight_decay       condition
Optimizer.momentum           condition
Optimizer.schedule           condition
Optimizer.warmup             condition
Optimizer.bias_scale         condition
Finetuning.dataset           condition
Finetuning.parts             condition
Finetuning.test_magnifications condition
Finetuning.transform         condition
Finetuning.optimizer         condition
Finetuning.epochs            condition
Finetuning.batch_size        condition
Finetuning.dropout           condition
Finetuning.class_weights     condition
Finetuning.threshold         condition
Finetuning.vote              condition
Finetuning.selection         condition
Selection.rule               condition
Selection.fraction           condition
Selection.metric             condition
Selection.patience           condition
Protocol.datasets            condition
Protocol.encoder             factor
Protocol.weights             factor
Protocol.adaptation          factor
Protocol.pretraining         factor
Protocol.finetuning          condition
Protocol.precision           condition
Protocol.compile             condition
Protocol.threads             condition
Protocol.deterministic       condition
Protocol.keep_weights        runtime
Protocol.attention_images    runtime
Protocol.decisions           label
Protocol.extends             label
Protocol.name                label
Protocol.title               label
Protocol.description         label
Protocol.plugins             label
Protocol.scale               label
Protocol.experiments         label
Protocol.matrix              label
Protocol.per                 label
Protocol.report              label
Experiment.label             label
Experiment.set               label
ReportSettings.baseline      label
ReportSettings.notes         label
ReportSettings.factors       label
ReportSettings.margin        label
"""
TABLE = dict(line.split() for line in DECIDED.strip().splitlines())


def fields(model: type[BaseModel]) -> dict[str, tuple[type[BaseModel], object]]:
    return {f"{owner.__name__}.{path[-1]}": (owner, info) for path, owner, info in walk(model)}


FIELDS = fields(Protocol)


def undeclared(model: type[BaseModel]) -> list[str]:
    """Say for each field without a role where it is declared and what to write there."""
    return [
        f"{inspect.getsourcefile(owner)}: in class {owner.__name__} declare `{name.split('.')[1]}` "
        f"as setting(ROLE, ...), with ROLE one of {', '.join(ROLES)}"
        for name, (owner, info) in fields(model).items()
        if role_of(info) is None
    ]


def test_every_field_declares_its_role():
    assert undeclared(Protocol) == []


def test_a_field_without_a_role_is_named_with_what_to_edit():
    class Inner(Settings):
        new: int = 3

    class Outer(Settings):
        known: int = setting("free", 1)
        inner: dict[str, Inner] | None = setting("condition", None)

    (message,) = undeclared(Outer)

    assert __file__ in message
    assert "in class Inner declare `new` as setting(ROLE, ...)" in message


@pytest.mark.parametrize("name", FIELDS)
def test_every_role_was_decided(name):
    role = role_of(FIELDS[name][1])
    assert TABLE.get(name) == role, (
        f"{name} is declared {role!r}. If that is meant, write it into DECIDED in {__file__}, and "
        "an example of it into the table of test_identity.py."
    )


def test_no_decision_is_about_a_field_that_is_gone():
    assert TABLE.keys() - FIELDS.keys() == set(), f"remove these lines from DECIDED in {__file__}"


def test_runtime_and_label_fields_are_not_identity():
    class Part(Settings):
        seen: int = setting("condition", 1)
        place: str = setting("runtime", "here")

    class Whole(Settings):
        title: str = setting("label", "a")
        factor: int = setting("factor", 2)
        free: int = setting("free", 3)
        parts: tuple[Part, ...] = setting("condition", (Part(),))

    assert identity(Whole()) == {"factor": 2, "free": 3, "parts": [{"seen": 1}]}
