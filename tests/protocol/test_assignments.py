"""The last words: `--set` and `--data`."""

from __future__ import annotations

import pytest

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.load import load


def refused(*arguments, **options) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        load(*arguments, **options)
    return caught.value


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("finetuning.epochs=9", "finetuning.epochs", 9),
        (" finetuning.epochs = 9", "finetuning.epochs", 9),
        ("finetuning.optimizer.learning_rate=1e-5", "finetuning.optimizer.learning_rate", 1e-5),
        ("title=no", "title", "no"),
        ("title='7 = 7'", "title", "7 = 7"),
        ("encoder=wide-net", "encoder.plugin", "wide-net"),
        ("strategy=fixed", "pretraining.strategy.plugin", "fixed"),
        ("strategy.params={size: 3}", "pretraining.strategy.params", {"size": 3}),
        ("pretraining.strategy.params.size=3", "pretraining.strategy.params", {"size": 3}),
        ("finetuning.transform.flip=null", "finetuning.transform.flip", None),
        ("finetuning.transform.flip=", "finetuning.transform.flip", None),
        ("finetuning.transform.colour.hue=0.1", "finetuning.transform.colour.hue", 0.1),
        ("matrix.fold=[1, 2]", "matrix", {"train_magnification": [40], "fold": [1, 2]}),
        (
            "matrix.finetuning.epochs=[1, 2]",
            "matrix",
            {"train_magnification": [40], "fold": [0], "finetuning.epochs": [1, 2]},
        ),
    ],
)
def test_set_lays_one_typed_value_over_the_protocol(text, path, expected, loaded):
    value = loaded(assignments=[text]).protocol
    for name in path.split("."):
        value = getattr(value, name)
    assert value == expected


def test_of_two_assignments_the_later_counts(loaded):
    assert loaded(assignments=["threads=2", "threads=3"]).protocol.threads == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("finetuning.epoch=3", "unknown setting 'finetuning.epoch'. Did you mean 'epochs'?"),
        ("pretraning.epochs=3", "unknown setting 'pretraning.epochs'. Did you mean 'pretraining'?"),
        ("epochs=3", "Did you mean 'pretraining.epochs' or 'finetuning.epochs'?"),
        ("root=x", "Did you mean 'datasets.NAME.root'?"),
        ("datasets.tisue.root=x", "'datasets' has no 'tisue' (there: tissue). Did you mean"),
        ("finetuning.epochs.x=3", "'finetuning.epochs' is a single value"),
        ("finetuning.parts.0=ssl", "'finetuning.parts' is a list"),
        ("experiments.ordered.lable=x", "'experiments.ordered.lable'. Did you mean 'label'?"),
        ("experiments.orderd.set.encoder=net", "'experiments.orderd.label' is missing"),
        ("experiments.orderd=null", "'experiments.orderd': null takes an experiment out"),
        ("a..b=3", "unknown setting 'a..b'"),
        ("finetuning.epochs=ten", "'finetuning.epochs': should be a whole number, not 'ten'"),
        ("finetuning={epoch: 3}", "unknown key 'finetuning.epoch'"),
        ("weights={sorce: none}", "unknown key 'weights.sorce'. Did you mean 'source'?"),
        ("finetuning.epochs=[1", "'[1' is not a YAML value"),
        ("title=a: b: c", "'a: b: c' is not a YAML value"),
        ("threads=.inf", ".inf is not a finite number"),
        ("extends=x.yaml", "`extends` is for files"),
    ],
)
def test_a_wrong_assignment_names_itself_and_what_was_meant(text, words, write):
    error = refused(str(write()), [], assignments=[text])
    assert words in error.message
    assert str(error.location) == f"--set {text}"


@pytest.mark.parametrize("text", ["finetuning.epochs", "=3", "  =3"])
def test_an_assignment_without_a_key_or_a_value_shows_the_form(text, write):
    error = refused(str(write()), [], assignments=[text])
    assert "--set takes key=value" in error.message
    assert "--set finetuning.epochs=10" in error.hint


def test_a_setting_inside_a_section_that_is_null_is_refused(write):
    error = refused(str(write()), [], assignments=["pretraining=null", "pretraining.epochs=3"])
    assert "'pretraining' is null here" in error.message
    assert str(error.location) == "--set pretraining.epochs=3"


def test_data_is_the_last_word_on_a_root(loaded):
    both = loaded(assignments=["datasets.tissue.root=/a"], data_roots={"tissue": "/b"})
    assert both.protocol.datasets["tissue"].root == "/b"


def test_data_for_a_data_set_that_is_not_there_names_the_nearest(write):
    error = refused(str(write()), [], data_roots={"tisue": "/x"})
    assert "--data names 'tisue'" in error.message
    assert "Did you mean 'tissue'?" in error.message
    assert error.hint == "Its data sets: tissue."


def test_data_for_a_protocol_without_data_sets_is_no_crash(write):
    error = refused(str(write(text="name: x\ndatasets: []")), [], data_roots={"a": "/x"})
    assert "--data names 'a'" in error.message
