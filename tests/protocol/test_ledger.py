"""Decisions: an option of the ledger brings its settings along, and cells say what they rest on."""

from __future__ import annotations

import pytest

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.alternatives import taken_by
from mpcs_bench.protocol.expand import expand
from mpcs_bench.protocol.factors import compared
from mpcs_bench.protocol.ledger import read_ledger
from mpcs_bench.protocol.load import available, load

LEDGER = """\
entries:
  length:
    question: How long is fine-tuning?
    paper: not stated
    released: nine epochs
    default: usual
    why: it is short
    options:
      usual: {says: three epochs, set: {finetuning: {epochs: 3}}}
      released: {says: nine epochs, set: {finetuning: {epochs: 9}}}
      wide: {says: more for wide nets, set: {per: {encoder: {wide-net: {finetuning: {epochs: 5}}}}}}
      lost: {says: unknown, cannot_run: nobody knows}
  heat:
    question: Temperature?
    paper: "0.01"
    where: Section 4
    released: "0.1"
    default: paper
    why: printed
    needs_pretraining: true
    options:
      paper: {says: "0.01", set: {pretraining: {loss: {params: {rate: 0.01}}}}}
      released: {says: "0.1", set: {pretraining: {loss: {params: {rate: 0.1}}}}}
  test:
    question: Which test?
    paper: not named
    released: none
    default: the corrected one
    why: folds share data
"""
NAMED = ("experiments:\n", "decisions: {length: usual, heat: paper}\nexperiments:\n")


@pytest.fixture(autouse=True)
def ledger(write, tmp_path):
    write(text=LEDGER, name="ledger.yaml")
    return read_ledger([tmp_path])


def epochs(cells) -> set[int]:
    return {cell.stage.spec["epochs"] for cell in cells}


def test_an_option_brings_its_settings_along(cells):
    change = ("decisions: {length: usual", "decisions: {length: released")
    assert epochs(cells(NAMED, change)) == {9}


def test_a_single_decision_can_be_set(cells):
    assert epochs(cells(NAMED, assignments=["decisions.length=released"])) == {9}


def test_an_overlay_of_decisions_alone_is_a_fidelity(cells, write):
    over = write(text="decisions: {length: released, heat: released}\n", name="over.yaml")
    found = cells(NAMED, overlays=[str(over)])
    assert epochs(found) == {9}
    (rate,) = {c.stage.upstream.spec["loss"]["params"]["rate"] for c in found if c.stage.upstream}
    assert rate == 0.1


def test_an_option_may_be_for_some_cells_alone(cells):
    matrix = ("matrix:\n", "matrix:\n  encoder: [net, wide-net]\n")
    found = cells(NAMED, matrix, assignments=["decisions.length=wide"])
    assert {c.names["encoder"]: c.stage.spec["epochs"] for c in found} == {"net": 3, "wide-net": 5}


def test_a_plain_setting_above_counts_over_it_and_the_cell_says_so(cells):
    found = cells(NAMED, assignments=["finetuning.epochs=4"])
    assert epochs(found) == {4}
    (taken,) = {cell.decisions["length"] for cell in found}
    assert taken == "usual: three epochs; changed: finetuning.epochs"


def test_a_cell_names_the_decisions_that_its_numbers_rest_on(cells):
    found = {cell.experiment: cell.decisions for cell in cells(NAMED)}
    assert found["ordered"] == {
        "length": "usual: three epochs",
        "heat": "paper: 0.01",
        "test": "the corrected one",
    }
    assert "heat" not in found["baseline"], "without pre-training it rests on no temperature"


def test_decisions_change_no_key_beyond_their_settings(cells):
    by_name = cells(NAMED, assignments=["decisions.length=released"])
    by_hand = cells(NAMED, assignments=["finetuning.epochs=9"])
    assert [c.stage.symbol for c in by_name] == [c.stage.symbol for c in by_hand]


def test_an_experiment_may_take_another_option(cells):
    own = ("{label: Ordered Pair}", "{label: Ordered Pair, set: {decisions.length: released}}")
    found = {cell.experiment: cell.stage.spec["epochs"] for cell in cells(NAMED, own)}
    assert found == {"baseline": 3, "ordered": 9}


def test_a_decision_may_be_an_axis(cells):
    axis = ("matrix:\n", "matrix:\n  decisions.length: [usual, released]\n")
    assert epochs(cells(NAMED, axis)) == {3, 9}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("decisions.lenght=usual", "no decision 'lenght'. Did you mean 'length'"),
        ("decisions.length=usuel", "no option 'usuel'. Did you mean 'usual'"),
        ("decisions.length=lost", "cannot be run: nobody knows"),
        ("decisions.test=usual", "made once for all"),
    ],
)
def test_what_the_ledger_does_not_have_is_refused(loaded, assignment, message):
    with pytest.raises(ProtocolError, match=message) as caught:
        loaded(NAMED, assignments=[assignment])
    assert f"--set {assignment}" in str(caught.value)


def test_a_misspelt_decision_in_a_file_has_its_place(loaded, write, line_of):
    change = ("length: usual", "lenght: usual")
    with pytest.raises(ProtocolError) as caught:
        loaded(NAMED, change)
    assert caught.value.location.line == line_of(write(NAMED, change), "lenght")


def test_a_default_that_is_no_option_is_refused(write, tmp_path):
    write(("default: usual", "default: long"), text=LEDGER, name="ledger.yaml")
    with pytest.raises(ProtocolError, match="default of 'length', 'long'"):
        read_ledger([tmp_path])


def test_one_id_in_two_ledgers_is_refused(write, tmp_path):
    write(text=LEDGER, name="other/ledger.yaml")
    with pytest.raises(ProtocolError, match="another ledger too"):
        read_ledger([tmp_path, tmp_path / "other"])


def test_a_ledger_is_no_protocol(tmp_path):
    assert "ledger" not in available([tmp_path])


def test_who_takes_an_alternative_is_found(write, ledger, tmp_path):
    write(NAMED, ("{label: Ordered Pair}", "{label: O, set: {decisions.heat: released}}"))
    write(text="decisions: {length: released, heat: paper}\n", name="overlays/fast.yaml")

    found = taken_by(ledger, [tmp_path])

    assert found == {("length", "released"): ["--overlay fast"], ("heat", "released"): ["small"]}


def test_factors_of_a_table_are_names_of_conditions(loaded, catalogue):
    change = ("experiments:\n", "report: {factors: [decisions.heat, precision]}\nexperiments:\n")
    protocol = loaded(change)
    assert compared(protocol) == ("pretraining.loss.params.rate", "precision")

    (cell, *_) = expand(protocol, catalogue)
    assert "precision" in cell.conditions


def test_decisions_stand_for_all_that_options_set(loaded):
    protocol = loaded(("experiments:\n", "report: {factors: [decisions]}\nexperiments:\n"))
    assert compared(protocol) == ("finetuning.epochs", "pretraining.loss.params.rate")


def test_a_factor_that_is_no_setting_is_refused(loaded):
    protocol = loaded(("experiments:\n", "report: {factors: [finetuning.epoch]}\nexperiments:\n"))
    with pytest.raises(ProtocolError, match=r"finetuning\.epoch"):
        compared(protocol)


def test_the_ledger_lies_in_any_of_the_folders(write, tmp_path):
    (tmp_path / "ledger.yaml").unlink()
    write(text=LEDGER, name="shipped/ledger.yaml")
    path = write(NAMED)
    assert load(str(path), [tmp_path / "shipped"]).ledger.entries.keys() == {
        "length",
        "heat",
        "test",
    }


def test_a_protocol_that_names_no_decision_rests_on_none(cells):
    assert {str(cell.decisions) for cell in cells()} == {"{}"}


def test_a_mapping_where_an_option_has_null_is_a_change(cells, write):
    write(
        (
            "set: {finetuning: {epochs: 3}}}",
            "set: {finetuning: {epochs: 3, transform: {affine: null}}}}",
        ),
        text=LEDGER,
        name="ledger.yaml",
    )
    found = cells(NAMED, assignments=["finetuning.transform.affine={zoom: [0.5, 2]}"])
    (taken,) = {cell.decisions["length"] for cell in found}
    assert "changed: finetuning.transform.affine" in taken
