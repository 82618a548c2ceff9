"""Exp-1 to Exp-15 as Tables 2, 3 and 4 define them, their fidelities and their ledger."""

from __future__ import annotations

from collections import Counter

import pytest

from mpcs_bench.engine.catalogue import RegistryCatalogue
from mpcs_bench.protocol.document import load_document
from mpcs_bench.protocol.expand import expand
from mpcs_bench.protocol.ledger import read_ledger
from mpcs_bench.protocol.load import load
from mpcs_bench.registry import Registry
from mpcs_bench.shipped import folder

FOLDER = folder("protocols")
EXPERIMENTS = [f"exp-{number:02d}" for number in range(1, 16)]
LEDGER = read_ledger([FOLDER])
OPTIONAL = {name: entry for name, entry in LEDGER.entries.items() if entry.options}
FIDELITIES = ["paper", "released-code"]
SCALES = ["smoke", "cpu", "small"]


@pytest.fixture(scope="module")
def catalogue() -> RegistryCatalogue:
    return RegistryCatalogue(Registry.discover())


@pytest.fixture(scope="module")
def cells(catalogue):
    """Return the cells of protocols, with overlays laid over them; each combination once."""
    made = {}

    def make(*names: str, overlays: tuple[str, ...] = ()):
        for name in names:
            if (name, overlays) not in made:
                loaded = load(name, [FOLDER], overlays=overlays)
                made[name, overlays] = expand(loaded, catalogue)
        return [cell for name in names for cell in made[name, overlays]]

    return make


def pretrainings(found) -> dict[str, object]:
    return {c.stage.upstream.symbol: c.stage.upstream for c in found if c.stage.upstream}


def test_all_fifteen_are_460_cells_on_30_pretrainings(cells):
    found = cells(*EXPERIMENTS)
    assert len(found) == 460
    assert len({cell.stage.symbol for cell in found}) == 460
    assert len(pretrainings(found)) == 30
    kinds = Counter(cell.stage.kind for cell in found)
    assert kinds == {"finetune": 445, "linear": 15}
    assert Counter(cell.names["dataset"] for cell in found) == {
        "breakhis": 320,
        "bach": 110,
        "ucsb": 30,
    }


@pytest.mark.parametrize(
    ("numbers", "parts"), [((1, 2, 3, 4), ["label"]), ((5, 6, 7, 8), ["ssl", "label"])]
)
def test_table_2_compares_imagenet_and_three_strategies_on_each_encoder(numbers, parts, cells):
    for number, strategy in zip(numbers, ("none", "fixed", "ordered", "random"), strict=True):
        found = cells(f"exp-{number:02d}")
        assert len(found) == 2 * 4 * 5
        assert {cell.experiment for cell in found} == {f"exp-{number}"}
        assert {cell.names["strategy"] for cell in found} == {strategy}
        assert {cell.names["encoder"] for cell in found} == {"efficientnet-b2", "resnet50"}
        assert {cell.names["weights"] for cell in found} == {"imagenet"}
        assert {cell.axes.train_magnification for cell in found} == {40, 100, 200, 400}
        assert all(cell.stage.spec["parts"] == parts for cell in found)
        for stage in pretrainings(found).values():
            assert stage.spec["parts"] == ["ssl"], "60 % of BreakHis"


def test_table_3_takes_seven_fractions_of_the_training_labels(cells):
    fractions = {cell.axes.label_fraction for cell in cells("exp-10", "exp-11", "exp-12")}
    assert fractions == {0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0}
    assert {cell.axes.label_fraction for cell in cells("exp-09")} == {1.0}
    for cell in cells("exp-09", "exp-10", "exp-11", "exp-12"):
        assert cell.names["encoder"] == "resnet50"
        assert cell.stage.spec["selection"]["rule"] == "validation"


def test_table_4_is_fine_tuned_and_linear(cells):
    found = cells("exp-13", "exp-14", "exp-15")
    assert Counter(cell.names["adaptation"] for cell in found) == {"finetune": 15, "linear": 15}


def test_pretraining_is_as_section_4_3_1_prints_it(cells):
    for stage in pretrainings(cells(*EXPERIMENTS)).values():
        spec = stage.spec
        resnet = spec["encoder"]["plugin"].endswith("resnet50")
        assert spec["epochs"] == 1000
        assert spec["loss"]["params"] == {"temperature": 0.01, "anchors": "both"}
        assert spec["optimizer"]["name"] == ("lars" if resnet else "adam")
        assert spec["optimizer"]["learning_rate"] == 1e-5
        assert spec["batch_size"] == (1024 if resnet else 128)
        assert spec["transform"]["input_size"] == ([224, 224] if resnet else [341, 341])
        assert spec["transform"]["colour"]["views"] == "shared"
        if resnet:
            assert spec["encoder"]["params"]["output_stride"] == 8


def test_finetuning_is_as_section_4_3_2_prints_it(cells):
    for cell in cells(*EXPERIMENTS):
        spec = cell.stage.spec
        assert spec["optimizer"]["name"] == "adam"
        assert spec["optimizer"]["learning_rate"] == 2e-5
        assert spec["batch_size"] == 32
        assert spec["dropout"] == 0.3
        assert spec["transform"]["input_size"] == [224, 224]


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("overlay", [*FIDELITIES, *SCALES])
def test_every_fidelity_and_scale_fits_every_experiment(name, overlay, cells):
    assert cells(name, overlays=(overlay,))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_paper_fidelity_is_what_the_protocols_are(name, cells):
    plain, laid = cells(name), cells(name, overlays=("paper",))
    assert [c.stage.symbol for c in plain] == [c.stage.symbol for c in laid]


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_a_fidelity_is_made_of_named_decisions_alone(fidelity):
    values = load_document(FOLDER / "overlays" / f"{fidelity}.yaml").values
    assert values.keys() == {"decisions"}
    assert values["decisions"].keys() == OPTIONAL.keys()


def test_the_released_code_differs_from_the_paper_in_every_decision_that_can_be_run():
    released = load_document(FOLDER / "overlays" / "released-code.yaml").values["decisions"]
    for name, entry in OPTIONAL.items():
        option = entry.options.get("released")
        if option is not None and option.cannot_run is None:
            assert released[name] == "released", name


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_released_code_trains_otherwise(name, cells):
    plain, released = cells(name), cells(name, overlays=("released-code",))
    assert not {c.stage.symbol for c in plain} & {c.stage.symbol for c in released}
    assert not any("changed" in text for cell in released for text in cell.decisions.values())


def test_protocols_take_the_defaults_of_the_ledger():
    taken = load_document(FOLDER / "base" / "mpcs.yaml").values["decisions"]
    assert taken == {name: entry.default for name, entry in OPTIONAL.items()}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_settings_of_an_experiment_are_those_of_its_decisions(name, cells):
    for cell in cells(name):
        assert not [text for text in cell.decisions.values() if "changed" in text]


def test_every_alternative_is_run_by_the_sensitivity_protocol_or_is_about_other_data(cells):
    found = cells("sensitivity")
    tried = {cell.experiment for cell in found} - {"default"}
    expected = {
        f"{name}.{option}"
        for name, entry in OPTIONAL.items()
        for option, item in entry.options.items()
        if option != entry.default and item.cannot_run is None
    }
    of_other_data = {
        "bach-validation.none",
        "bach-patches.disjoint",
        "ucsb-patches.floor",
        "majority-vote.released",
    }
    assert tried == expected - of_other_data


def test_each_row_of_the_sensitivity_protocol_makes_one_decision_otherwise(cells):
    by_experiment = {cell.experiment: cell.decisions for cell in cells("sensitivity")}
    default = by_experiment.pop("default")
    for experiment, decisions in by_experiment.items():
        entry = experiment.rpartition(".")[0]
        differ = {n for n in default | decisions if default.get(n) != decisions.get(n)}
        # An entry about the other encoder is not among the last encoder's decisions.
        assert differ <= {entry}, experiment


def test_smoke_keeps_every_factor(cells):
    found = cells(*EXPERIMENTS, overlays=("smoke",))
    assert {cell.experiment for cell in found} == {f"exp-{n}" for n in range(1, 16)}
    assert {c.axes.train_magnification for c in found} == {40, 100, 200, 400, None}
    assert {c.axes.label_fraction for c in found} == {0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0}
    assert {c.names["adaptation"] for c in found} == {"finetune", "linear"}
    assert {c.names["strategy"] for c in found} == {"none", "fixed", "ordered", "random"}
    assert {c.axes.fold for c in found} == {0, 1}
    assert {c.stage.spec["epochs"] for c in found} == {1}
    plugins = {c.names["dataset"]: c.stage.data.settings.plugin for c in found}
    assert plugins == {
        "breakhis": "synthetic",
        "bach": "synthetic-bach",
        "ucsb": "synthetic-ucsb",
    }


def test_small_keeps_real_data_and_all_folds(cells):
    found = cells(*EXPERIMENTS, overlays=("small",))
    assert {c.stage.data.settings.plugin for c in found} == {"breakhis", "bach", "ucsb"}
    assert {c.axes.fold for c in found} == {0, 1, 2, 3, 4}


def test_cross_magnification_tests_each_model_at_every_magnification(cells):
    for cell in cells("cross-magnification"):
        assert cell.stage.spec["test_magnifications"] == [40, 100, 200, 400]


def test_the_supplement_shares_its_80_percent_with_exp_5_to_8(cells):
    whole = {c.stage.symbol for c in cells("exp-05", "exp-06", "exp-07", "exp-08")}
    shared = {c.stage.symbol for c in cells("supplement-labels") if c.axes.label_fraction == 1}
    assert shared == whole


def test_a_shipped_base_is_extended_from_anywhere(tmp_path, catalogue):
    own = tmp_path / "own.yaml"
    own.write_text("extends: base/breakhis.yaml\nname: own\nexperiments: {mine: {label: Mine}}\n")
    assert len(expand(load(str(own), [FOLDER]), catalogue)) == 2 * 4 * 5
