"""What is wrong in a file: said in a sentence, at the line and column where it stands."""

from __future__ import annotations

import re

import pytest

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.load import load

WRONG = [
    # an unknown key, at any depth
    ("encoder: net", "encodr: net", "unknown key 'encodr'. Did you mean 'encoder'?"),
    (
        "encoder: net",
        "encoder: {plugn: net}",
        "unknown key 'encoder.plugn'. Did you mean 'plugin'?",
    ),
    ("  epochs: 3", "  epoch: 3", "unknown key 'finetuning.epoch'. Did you mean 'epochs'?"),
    (
        "split: {folds: 3}",
        "split: {fold: 3}",
        "unknown key 'datasets.tissue.split.fold'. Did you mean 'folds'?",
    ),
    (
        "flip: {horizontal: 0.5}",
        "flip: {horizontl: 0.5}",
        "unknown key 'pretraining.transform.flip.horizontl'. Did you mean 'horizontal'?",
    ),
    ("  epochs: 3", "  sets: {by: patient}", "Did you mean 'pretraining.sets'?"),
    (
        "label: Ordered Pair",
        "label: P, sett: {}",
        "unknown key 'experiments.ordered.sett'. Did you mean 'set'",
    ),
    ("encoder: net", "zzz: net", "unknown key 'zzz'. Known here: datasets, encoder,"),
    # a wrong type
    ("  epochs: 3", "  epochs: ten", "'finetuning.epochs': should be a whole number, not 'ten'"),
    ("  epochs: 3", "  epochs: '3'", "should be a whole number, not '3'"),
    ("  epochs: 3", "  epochs: 3.5", "should be a whole number, not 3.5"),
    ("  epochs: 3", "  epochs: true", "should be a whole number, not true"),
    ("  epochs: 3", "  epochs:", "should be a whole number, not null"),
    ("  epochs: 3", "  epochs: 1_000", "should be a whole number, not '1_000'"),
    ("encoder: net", "encoder: net\ndeterministic: yes", "should be true or false, not 'yes'"),
    ("encoder: net", "encoder: net\ndeterministic: 1", "should be true or false, not 1"),
    ("encoder: net", "encoder: [net]", "'encoder': should be a mapping"),
    ("encoder: net", "encoder: 5", "'encoder': should be a mapping, not 5"),
    (
        "encoder: net",
        "encoder: {plugin: 5}",
        "'encoder.plugin': should be a text, not 5: write it in quotes",
    ),
    (
        "label: Ordered Pair",
        "label: 2",
        "'experiments.ordered.label': should be a text, not 2: write it in quotes",
    ),
    ("{label: Ordered Pair}", "Ordered Pair", "'experiments.ordered': should be a mapping, not"),
    ("{label: Ordered Pair}", "", "'experiments.ordered': null takes an experiment out, and there"),
    ("{label: Ordered Pair}", "{}", "'experiments.ordered.label' is missing"),
    ("input_size: [64, 64]", "input_size: 64", "should be a list, not 64"),
    ("input_size: [64, 64]", "input_size: [64]", "has too few values"),
    ("input_size: [64, 64]", "input_size: [64, 64, 3]", "should have 2 values, not 3"),
    ("  fold: [0]", "  fold: 0", "'matrix.fold': should be a list, not 0"),
    ("  fold: [0]", "  fold: []", "'matrix.fold': should not be empty"),
    # a value that cannot be
    ("input_size: [64, 64]", "input_size: [64, 0]", "should be greater than 0, not 0"),
    ("root: tissue", "image_size: [-3, 3]", "should be greater than 0, not -3"),
    ("root: tissue", "root: ''", "'datasets.tissue.root': should not be empty"),
    ("zoom: [0.8, 1.25]", "zoom: [1.25, 0.8]", "low before high, not 1.25, 0.8"),
    ("zoom: [0.8, 1.25]", "zoom: [0, 1]", "two factors above 0"),
    ("zoom: [0.8, 1.25]", "translate: 0.6", "should be less than or equal to 0.5, not 0.6"),
    ("horizontal: 0.5", "horizontal: 1.5", "should be less than or equal to 1, not 1.5"),
    (
        "  batch_size: 8\nfinetuning",
        "  batch_size: 1\nfinetuning",
        "should be greater than or equal to 2",
    ),
    ("  epochs: 4", "  epochs: 0", "should be greater than or equal to 1, not 0"),
    ("learning_rate: 1e-3", "learning_rate: 0", "should be greater than 0, not 0"),
    ("learning_rate: 1e-3", "learning_rate: 1, warmup: 1", "should be less than 1, not 1"),
    ("learning_rate: 1e-3", "learning_rate: 1, name: adm", "not 'adm'. Did you mean 'adam'?"),
    ("  epochs: 3", "  epochs: 3\n  dropout: 1", "'finetuning.dropout': should be less than 1"),
    ("  epochs: 3", "  epochs: 3\n  threshold: 0", "should be greater than 0"),
    ("  epochs: 3", "  epochs: 3\n  parts: []", "'finetuning.parts': should not be empty"),
    (
        "  epochs: 3",
        "  epochs: 3\n  parts: [label, labl]",
        "should be 'ssl' or 'label', not 'labl'",
    ),
    ("  epochs: 3", "  epochs: 3\n  parts: [label, label]", "'label' stands in the list twice"),
    (
        "  epochs: 3",
        "  epochs: 3\n  selection: {rule: best}",
        "should be 'last', 'validation' or 'test'",
    ),
    ("  epochs: 3", "  epochs: 3\n  selection: {fraction: 1}", "should be less than 1"),
    ("  epochs: 4", "  epochs: 4\n  magnifications: [40, 40]", "40 stands in the list twice"),
    ("  epochs: 4", "  epochs: 4\n  head: {widths: [8, 0]}", "should be greater than 0"),
    ("  epochs: 4", "  epochs: 4\n  head: {widths: []}", "should not be empty"),
    ("{folds: 3}", "{folds: 1}", "should be greater than or equal to 2, not 1"),
    ("{folds: 3}", "{seed: -1}", "should be greater than or equal to 0, not -1"),
    ("{folds: 3}", "{scheme: file}", "scheme 'file' needs a `file` beside it"),
    ("{folds: 3}", "{file: s.csv}", "scheme 'kfold' takes no file"),
    ("encoder: net", "encoder: net\nweights: file", "source 'file' needs a `file` beside it"),
    ("encoder: net", "encoder: net\nweights: imagnet", "Did you mean 'imagenet'?"),
    ("encoder: net", "encoder: net\nweights: {file: w.pt}", "source 'none' takes no file"),
    ("encoder: net", "encoder: net\nthreads: 0", "'threads': should be greater than or equal to 1"),
    (
        "name: small",
        "name: Small Size",
        "should be made of lower-case letters, digits and . _ - alone",
    ),
    (
        "  ordered:",
        "  a b:",
        "'experiments.a b': should be made of letters, digits and . _ - alone, not 'a b'",
    ),
    # names that must match
    (
        "finetuning:\n  dataset: tissue",
        "finetuning:\n  dataset: tisue",
        "there is no data set 'tisue'",
    ),
    ("pretraining:\n  dataset: tissue", "pretraining:\n  dataset: tisue", "Did you mean 'tissue'?"),
    ("  ordered:", "  baseline:", "the key 'baseline' stands twice in one mapping"),
    (
        "label: Ordered Pair",
        "label: No pre-training",
        "'No pre-training': two experiments cannot share",
    ),
    ("matrix:", "report: {baseline: basline}\nmatrix:", "Did you mean 'baseline'?"),
]


def place_of_difference(before: str, after: str) -> int:
    """Return the first line of `after` that is not as it was."""
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    return next(n for n, (old, new) in enumerate(pairs, 1) if old != new)


@pytest.mark.parametrize(("old", "new", "words"), WRONG, ids=[words for _, _, words in WRONG])
def test_a_fault_is_said_at_its_line(old, new, words, write):
    before = write().read_text()
    path = write((old, new))

    with pytest.raises(ProtocolError) as caught:
        load(str(path), [])

    assert words in caught.value.message
    assert caught.value.location.file == str(path)
    assert caught.value.location.line == place_of_difference(before, path.read_text())


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("flip: {horizontal: 0.5}", "flip: {horizontal: 0.5, vertcal: 1}", 29),
        ("input_size: [64, 64]", "input_size: [64, x]", 22),
        ("  fold: [0]", "  fold: [0]\n  seed: 3", 3),
        ("split: {folds: 3}", "split: {seed: x}", 13),
        ("label: Ordered Pair", "label: No pre-training", 13),
    ],
)
def test_the_column_is_that_of_the_key_or_item(old, new, column, write):
    with pytest.raises(ProtocolError) as caught:
        load(str(write((old, new))), [])
    assert caught.value.location.column == column


@pytest.mark.parametrize("key", ["datasets", "encoder", "finetuning", "experiments", "name"])
def test_a_missing_section_is_missing_at_the_top(key, write):
    sections = re.split(r"(?m)^(?=\w)", write().read_text())
    text = "".join(section for section in sections if not section.startswith(f"{key}:"))

    with pytest.raises(ProtocolError) as caught:
        load(str(write(text=text)), [])

    assert caught.value.message == f"'{key}' is missing"
    assert (caught.value.location.line, caught.value.location.column) == (1, 1)


def test_a_missing_key_is_missing_in_its_section(write, line_of):
    path = write(("  optimizer: {learning_rate: 1e-3}\n  epochs: 3\n", "  epochs: 3\n"))
    with pytest.raises(ProtocolError) as caught:
        load(str(path), [])
    assert caught.value.message == "'finetuning.optimizer' is missing"
    assert caught.value.location.line == line_of(path, "finetuning:")


def test_every_fault_is_reported_at_once_and_each_has_its_place(write, line_of):
    path = write(("  epochs: 3", "  epochs: x"), ("  epochs: 4", "  epoch: 4"))

    with pytest.raises(ProtocolError) as caught:
        load(str(path), [])

    text = str(caught.value)
    assert f"{path}:{line_of(path, 'epochs: x')}:3: 'finetuning.epochs'" in text
    assert f"{path}:{line_of(path, 'epoch: 4')}:3: unknown key 'pretraining.epoch'" in text
    assert "'pretraining.epochs' is missing" in text


def test_a_fault_in_an_aliased_section_stands_where_the_section_is_written(write, line_of):
    path = write(("horizontal: 0.5", "horizontl: 0.5"))

    with pytest.raises(ProtocolError) as caught:
        load(str(path), [])

    places = [line.partition(": ")[0] for line in str(caught.value).splitlines()]
    assert places == [f"{path}:{line_of(path, 'horizontl')}:12"] * 2
    assert "pretraining.transform" in str(caught.value)
    assert "finetuning.transform" in str(caught.value)


def test_a_data_set_may_not_have_a_dot_in_its_name(write):
    path = write(("  tissue:", "  tis.sue:"))
    with pytest.raises(ProtocolError, match=r"'datasets.tis.sue': should be made of letters"):
        load(str(path), [])


def test_a_data_set_named_like_a_field_has_suggestions_of_its_own(write):
    path = write(
        ("  tissue:", "  split:"),
        ("{folds: 3}", "{flods: 3}"),
        ("dataset: tissue", "dataset: split"),
        ("finetuning:\n  dataset: tissue", "finetuning:\n  dataset: split"),
    )
    with pytest.raises(ProtocolError, match=r"'datasets.split.split.flods'. Did you mean 'folds'"):
        load(str(path), [])
