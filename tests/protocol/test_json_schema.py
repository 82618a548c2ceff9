"""What an editor is told: it accepts all that loads, and marks what does not."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from mpcs_bench.protocol.document import load_document
from mpcs_bench.protocol.schema import Protocol
from mpcs_bench.shipped import folder

SCHEMA = Protocol.model_json_schema()
FILES = [p for p in sorted(folder("protocols").rglob("*.yaml")) if p.name != "ledger.yaml"]


def complaints(values) -> list[str]:
    found = Draft202012Validator(SCHEMA).iter_errors(values)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


@pytest.fixture
def values(write):
    return load_document(write()).values


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_shipped_file_is_accepted_as_it_is_written(path):
    assert complaints(load_document(path).values) == []


@pytest.mark.parametrize("short", ["ordered", {"plugin": "ordered"}, {"params": {"a": 1}}])
def test_a_plugin_may_be_a_name_or_a_mapping(short, values):
    for section, key in ((values, "encoder"), (values["pretraining"], "strategy")):
        section[key] = short
        assert complaints(values) == []


@pytest.mark.parametrize("weights", ["imagenet", {"source": "none"}, {"file": "w.pt"}])
def test_weights_may_be_a_name_or_a_mapping(weights, values):
    assert complaints(values | {"weights": weights}) == []


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"finetuning": {"epochs": 1}},
        {"extends": "base.yaml", "name": "part"},
        {"extends": ["a.yaml", "b.yaml"], "name": "part", "pretraining": {"strategy": "fixed"}},
        {"datasets": {"tissue": {"split": {"folds": 4}}}},
        {"experiments": {"mine": {"label": "Mine"}, "other": {"set": {"seed": 1}}, "gone": None}},
        {"pretraining": {"optimizer": {"warmup": 0.1}, "transform": {"flip": None}}},
    ],
)
def test_overlays_and_files_that_extend_others_may_hold_a_part(part):
    assert complaints(part) == []


@pytest.mark.parametrize("key", ["datasets", "encoder", "finetuning", "experiments"])
def test_a_protocol_that_extends_nothing_must_have_its_sections(key, values):
    assert complaints(values) == []
    del values[key]
    assert complaints(values) == [f": '{key}' is a required property"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("finetuning", "epoch"), 3),
        (("finetuning", "epochs"), "ten"),
        (("finetuning", "epochs"), 0),
        (("finetuning", "selection"), {"rule": "best"}),
        (("finetuning", "transform", "input_size"), [64]),
        (("finetuning", "transform", "input_size"), [64, 0]),
        (("pretraining", "strategy"), {"plugn": "x"}),
        (("pretraining", "strategy"), 3),
        (("weights",), 3),
        (("matrix",), {"fold": 0}),
        (("matrix",), {"fold": []}),
        (("experiments",), [{"label": "A"}]),
        (("experiments",), {"a": {"id": "a"}}),
        (("name",), "Not A Name"),
        (("datasets",), {}),
    ],
)
def test_what_does_not_load_is_marked(path, value, values):
    changed = section = json.loads(json.dumps(values))  # what is aliased becomes two
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    (message, *_) = complaints(changed)
    assert message.startswith(path[0])


def test_every_setting_says_what_it_is_and_sections_have_a_description():
    for name, definition in SCHEMA["$defs"].items():
        mapping = next((m for m in definition.get("anyOf", ()) if "properties" in m), definition)
        assert mapping["description"], name
        for key, item in mapping["properties"].items():
            assert "x-role" in item, f"{name}.{key}"
