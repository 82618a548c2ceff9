"""Axes and what experiments set: where each applies, and what is refused, at its line."""

from __future__ import annotations

import pytest

from mpcs_bench.errors import ProtocolError

AXES = "  train_magnification: [40]\n  fold: [0]\n"
ORDERED = "  ordered: {label: Ordered Pair}"


def matrix(text: str) -> tuple[str, str]:
    return AXES, "".join(f"  {line}\n" for line in text.splitlines())


def sets(text: str) -> tuple[str, str]:
    return ORDERED, ORDERED.replace("}", f", set: {text}}}")


@pytest.fixture
def refused(cells, write):
    """Return the error of a protocol, and the line of the file that it points at."""

    def make(*replacements, **options) -> tuple[ProtocolError, str]:
        with pytest.raises(ProtocolError) as caught:
            cells(*replacements, **options)
        place = caught.value.location
        lines = write(*replacements).read_text().splitlines()
        return caught.value, lines[place.line - 1].strip() if place.line else str(place)

    return make


# --- axes that do not apply -------------------------------------------------------------------


def test_an_axis_of_pre_training_multiplies_only_experiments_that_have_some(cells):
    made = cells(matrix("fold: [0]\nstrategy: [fixed, ordered]\npretraining.epochs: [1, 2]"))
    count = {e: sum(c.experiment == e for c in made) for e in ("baseline", "ordered")}
    assert count == {"baseline": 3, "ordered": 12}  # times three magnifications
    assert {c.symbolic for c in made if c.experiment == "baseline"} == {
        f"tissue/net/none/none/none/finetune/{m}X/labels=1/fold=0/seed=0" for m in (40, 100, 400)
    }


def test_the_colour_floor_is_one_number_for_each_split_magnification_and_label_fraction(cells):
    made = cells(
        ("set: {pretraining: null}", "set: {pretraining: null, adaptation: colour-floor}"),
        matrix(
            "fold: [0, 1]\nseed: [0, 1]\nreplicate: [0, 1]\nlabel_fraction: [0.5, 1]\n"
            "train_magnification: [40]\nencoder: [net, wide-net]\nweights: [none, imagenet]\n"
            "strategy: [fixed, ordered]\nfinetuning.epochs: [1, 2]\nprecision: [fp32, bf16]\n"
            "finetuning.class_weights: [none, balanced]"
        ),
    )
    floor = [c for c in made if c.experiment == "baseline"]
    assert len(floor) == len({c.stage.symbol for c in floor}) == 2 * 2 * 2


def test_an_axis_of_adaptations_may_stand_anywhere_in_the_matrix(cells):
    made = cells(
        matrix("fold: [0]\nencoder: [net, wide-net]\nadaptation: [finetune, colour-floor]")
    )
    kinds = [c.stage.kind for c in made if c.experiment == "baseline"]
    assert (kinds.count("finetune"), kinds.count("colour-floor")) == (2 * 3, 3)


def test_a_whole_section_may_be_an_axis(cells):
    made = cells(
        ("set: {pretraining: null}", "set: {finetuning.epochs: 1}"),
        matrix("train_magnification: [40]\nfold: [0]\npretraining: [null]"),
    )
    assert [c.stage.upstream for c in made] == [None, None]


def test_a_short_name_may_begin_a_dotted_one(cells):
    made = cells(matrix("strategy.params.size: [1, 2]\nfold: [0]"))
    sizes = {c.stage.upstream.spec["strategy"]["params"]["size"] for c in made if c.stage.upstream}
    assert sizes == {1, 2}


def test_an_axis_may_refine_what_an_experiment_sets(cells):
    made = cells(sets("{strategy: fixed}"), matrix("strategy.params.size: [1, 2]"))
    strategies = [c.stage.upstream.spec["strategy"] for c in made if c.stage.upstream]
    assert {s["plugin"] for s in strategies} == {"fake/fixed"}
    assert {s["params"]["size"] for s in strategies} == {1, 2}


# --- axes that cannot be ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        ("fodl: [0]", "unknown axis 'fodl'. Did you mean 'fold'?"),
        ("magnification: [40]", "unknown axis 'magnification'. Did you mean 'train_magnification'"),
        ("finetuning.epoch: [1]", "unknown setting 'finetuning.epoch'. Did you mean 'epochs'?"),
        ("datasets.tisue.split.folds: [3]", "'datasets' has no 'tisue'"),
        ("finetuning.epochs.x: [1]", "'finetuning.epochs' is a single value"),
        ("title: [a]", "the axis 'title': unknown setting 'title'"),
        ("keep_weights: [true, false]", "'keep_weights' changes no number"),
        ("seed: [0, 1, 0]", "the axis 'seed' names 0 twice"),
        ("label_fraction: [1, 1.0]", "the axis 'label_fraction' names 1 twice"),
        ("encoder: [net, net]", "the axis 'encoder' names \"net\" twice"),
        ("fold: [3]", "fold 3 is not a fold from 0 to 2"),
        ("fold: [-1]", "fold -1 is not a fold from 0 to 2"),
        ("fold: ['0']", 'fold "0" is not a fold from 0 to 2'),
        ("seed: [1.5]", "seed 1.5 is not a whole number, 0 or more"),
        ("seed: [true]", "seed true is not a whole number"),
        ("replicate: [-1]", "replicate -1 is not a whole number"),
        ("split_seed: [null]", "split seed null is not a whole number"),
        ("label_fraction: [0]", "label fraction 0 is not a number above 0, at most 1"),
        ("label_fraction: [1.01]", "label fraction 1.01 is not a number above 0, at most 1"),
        ("label_fraction: [true]", "label fraction true is not a number"),
        ("label_fraction: ['20 %']", 'label fraction "20 %" is not a number'),
        (
            "train_magnification: [50]",
            "magnification 50 is not one that the data set declares (40,",
        ),
        ("train_magnification: [40.0]", "one that the data set declares (40, 100, 400)"),
        ("train_magnification: [null]", "train magnification null is not one"),
        ("finetuning.epochs: [0]", "'finetuning.epochs': should be greater than or equal to 1"),
        ("finetuning.optimizer: [{lr: 1}]", "unknown key 'finetuning.optimizer.lr'"),
        ("encoder: [nett]", "No encoder is called 'nett'."),
        ("strategy: [{plugin: fixed, params: {sise: 1}}]", "unknown parameter 'sise'"),
        ("dataset: [tisue]", "there is no data set 'tisue' under `datasets`"),
        ("finetuning.test_magnifications: [[50]]", "has no magnification 50 (it declares: 40,"),
    ],
)
def test_a_wrong_axis_is_refused_at_its_line(axis, words, refused):
    error, line = refused(matrix(axis))
    assert words in error.message
    assert line == axis


def test_a_wrong_value_of_an_axis_is_pointed_at(refused):
    error, _ = refused(matrix("fold: [0, 1, 7]"))
    assert error.location.column == 16


def test_a_data_set_without_magnifications_has_no_such_axis(refused):
    error, line = refused(
        ("plugin: slides", "plugin: cores"),
        ("  dataset: tissue\n  strategy", "  dataset: s\n  strategy"),
        ("encoder: net", "  s: {plugin: slides}\nencoder: net"),
    )
    assert "(it has none)" in error.message
    assert line == "train_magnification: [40]"


@pytest.mark.parametrize(
    ("earlier", "later", "undone"),
    [
        ("pretraining.strategy", "strategy", "pretraining.strategy"),
        ("strategy.params.size", "strategy", "pretraining.strategy.params.size"),
        ("strategy", "strategy.plugin", "pretraining.strategy"),
    ],
)
def test_two_axes_of_one_setting_are_refused(earlier, later, undone, refused):
    error, line = refused(matrix(f"{earlier}: [fixed]\n{later}: [ordered]"))
    assert f"the axis '{later}' undoes the axis '{undone}'" in error.message
    assert line == f"{later}: [ordered]"


def test_an_axis_that_changes_nothing_here_is_refused(refused):
    error, _ = refused(
        ("encoder: net", "  spare: {plugin: slides}\nencoder: net"),
        matrix("fold: [0]\ndatasets.spare.image_size: [[8, 8], [9, 9]]"),
    )
    assert "the experiment 'baseline' holds the same cell twice" in error.message
    assert "an axis changes nothing here" in error.hint


# --- what experiments set ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{finetuning.epoch: 1}", "unknown setting 'finetuning.epoch'. Did you mean 'epochs'?"),
        ("{pretraning.epochs: 1}", "unknown setting 'pretraning.epochs'. Did you mean 'pretrain"),
        ("{stategy: fixed}", "unknown setting 'stategy'"),
        ("{title: x}", "unknown setting 'title'"),
        ("{fold: 1}", "'fold' is an axis: it stands under `matrix`"),
        ("{finetuning.epochs: 0}", "'finetuning.epochs': should be greater than or equal to 1"),
        ("{finetuning: {epoch: 1}}", "unknown key 'finetuning.epoch'. Did you mean 'epochs'?"),
        ("{pretraining: {epoch: 1}}", "unknown key 'pretraining.epoch'"),
        ("{strategy: orderd}", "No strategy is called 'orderd'."),
        ("{strategy: {plugin: fixed, params: {sise: 1}}}", "unknown parameter 'sise'"),
        (
            "{strategy.params.nested: {deep: 0}}",
            "'pretraining.strategy.params.nested.deep': should",
        ),
        ("{dataset: tisue}", "there is no data set 'tisue'"),
        ("{datasets.tisue.root: x}", "'datasets' has no 'tisue' (there: tissue)"),
        ("{pretraining.magnifications: [50]}", "has no magnification 50"),
        ("{pretraining.epochs: 1, pretraining: null}", "'pretraining' undoes 'pretraining.epochs'"),
        ("{strategy: fixed, pretraining.strategy: ordered}", "'pretraining.strategy' undoes"),
        ("{pretraining: null, pretraining.epochs: 1}", "'pretraining' is null here"),
        ("{weights: file}", "'weights': source 'file' needs a `file` beside it"),
    ],
)
def test_what_an_experiment_sets_wrong_is_refused_at_its_line(written, words, refused):
    error, line = refused(sets(written))
    assert words in error.message
    assert line == f"ordered: {{label: Ordered Pair, set: {written}}}"


def test_the_column_is_that_of_the_wrong_key(refused):
    error, line = refused(sets("{encoder: net, strategy: {plugin: fixed, params: {sise: 1}}}"))
    assert line[error.location.column - 3 :].startswith("sise")


def test_an_axis_that_would_undo_what_an_experiment_sets_is_refused(refused):
    error, line = refused(sets("{strategy: fixed}"), matrix("strategy: [fixed, ordered]"))
    assert (
        "'strategy' is set here, and the axis 'strategy' of the matrix undoes it" in error.message
    )
    assert "set: {strategy: fixed}" in line
    error, _ = refused(sets("{strategy.params.size: 1}"), matrix("strategy: [fixed, ordered]"))
    assert "undoes it" in error.message


def test_parameters_alone_add_to_the_plugin_that_is_set(cells):
    made = cells(sets("{strategy: fixed, strategy.params: {size: 2}}"))
    strategy = made[-1].stage.upstream.spec["strategy"]
    assert (strategy["plugin"], strategy["params"]) == ("fake/fixed", {"size": 2})


def test_a_plugin_of_the_protocol_itself_is_refused_at_its_line(refused):
    error, line = refused(("encoder: net", "encoder: {plugin: nett}"))
    assert error.message == "No encoder is called 'nett'."
    assert error.hint == "Known: some."
    assert (line, error.location.column) == ("encoder: {plugin: nett}", 11)


def test_every_wrong_parameter_has_its_own_place(refused, write):
    error, _ = refused(("loss: nt-xent", "loss: {plugin: nt-xent, params: {a: 1,\n    b: 2}}"))
    text = str(error)
    assert "'pretraining.loss.params.a': unknown parameter 'a'" in text
    assert f":{error.location.line + 1}:5: 'pretraining.loss.params.b'" in text


def test_pairs_need_two_magnifications(refused):
    error, line = refused(
        ("plugin: slides", "plugin: cores"), ("  train_magnification: [40]\n", "")
    )
    assert "pairs need two magnifications, and the data set 'tissue' declares 0" in error.message
    assert line == "dataset: tissue"


def test_pre_training_on_another_data_set_needs_the_same_folds(refused):
    error, line = refused(
        ("encoder: net", "  other: {plugin: slides, split: {folds: 5}}\nencoder: net"),
        ("finetuning:\n  dataset: tissue", "finetuning:\n  dataset: other"),
        matrix("train_magnification: [40]"),
    )
    assert "fold 3 of 'other' has no counterpart in 'tissue', which has 3 folds" in error.message
    assert line == "dataset: tissue"


# --- `--set` and the rest ---------------------------------------------------------------------


def test_a_set_that_every_experiment_undoes_is_refused(refused):
    both = (
        ("set: {pretraining: null}", "set: {strategy: random}"),
        sets("{pretraining.strategy: ordered}"),
    )
    error, place = refused(*both, assignments=["strategy=fixed"])
    assert error.message == (
        "'strategy' changes nothing: every experiment sets 'strategy' or 'pretraining.strategy' "
        "itself"
    )
    assert place == "--set strategy=fixed"


def test_a_set_that_one_experiment_undoes_is_fine(cells):
    made = cells(
        ("set: {pretraining: null}", "set: {strategy: random}"), assignments=["strategy=fixed"]
    )
    assert [c.names["strategy"] for c in made] == ["random", "fixed"]


@pytest.mark.parametrize(
    ("axis", "text"),
    [
        ("finetuning.epochs: [1, 2]", "finetuning.epochs=3"),
        ("strategy: [fixed]", "pretraining.strategy.params.size=3"),
        ("split_seed: [1, 2]", "datasets.tissue.split.seed=3"),
    ],
)
def test_a_set_that_the_matrix_undoes_is_refused(axis, text, refused):
    error, place = refused(matrix(axis), assignments=[text])
    name = axis.partition(":")[0]
    assert f"'{name}' is an axis of the matrix" in error.message
    assert error.hint == f"Set the axis instead: --set matrix.{name}=[...]"
    assert place == f"--set {text}"
