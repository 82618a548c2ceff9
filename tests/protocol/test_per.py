"""`per:` gives settings to some cells: those of an encoder, a data set, a strategy."""

from __future__ import annotations

import pytest

from mpcs_bench.errors import ProtocolError

MATRIX = ("matrix:\n", "matrix:\n  encoder: [net, wide-net]\n")


def with_per(text: str):
    return ("experiments:\n", f"per:\n{text}experiments:\n")


def epochs(cells) -> dict[str, int]:
    return {cell.names["encoder"]: cell.stage.spec["epochs"] for cell in cells}


def test_it_holds_for_the_cells_it_names_and_no_others(cells):
    found = cells(MATRIX, with_per("  encoder: {wide-net: {finetuning: {epochs: 7}}}\n"))
    assert epochs(found) == {"net": 3, "wide-net": 7}


def test_it_lies_over_what_the_same_file_says_plainly(cells):
    found = cells(with_per("  encoder: {net: {finetuning: {epochs: 7}}}\n"))
    assert epochs(found) == {"net": 7}


def test_a_star_is_any_value_but_none(cells):
    star = '  strategy: {"*": {finetuning: {epochs: 7}}}\n'
    found = cells(with_per(star))
    assert {c.experiment: c.stage.spec["epochs"] for c in found} == {"baseline": 3, "ordered": 7}


def test_of_two_axes_the_later_one_counts(cells):
    text = (
        "  encoder: {net: {finetuning: {epochs: 7}}}\n"
        "  dataset: {tissue: {finetuning: {epochs: 8}}}\n"
    )
    assert epochs(cells(with_per(text))) == {"net": 8}


@pytest.mark.parametrize("axis", ["dataset: {tissue", "adaptation: {finetune", "weights: {none"])
def test_every_axis_can_be_named(cells, axis):
    found = cells(with_per(f"  {axis}: {{finetuning: {{epochs: 7}}}}}}\n"))
    assert epochs(found) == {"net": 7}


def test_what_is_set_plainly_above_holds_for_all_cells(cells):
    per = with_per("  encoder: {wide-net: {finetuning: {epochs: 7, batch_size: 2}}}\n")
    found = cells(MATRIX, per, assignments=["finetuning.epochs=9"])

    assert epochs(found) == {"net": 9, "wide-net": 9}
    batches = {cell.names["encoder"]: cell.stage.spec["batch_size"] for cell in found}
    assert batches == {"net": 8, "wide-net": 2}, "what was not set again stays"


def test_an_overlay_counts_over_it_and_its_own_per_over_that(cells, write):
    over = write(
        text="finetuning: {epochs: 9}\nper: {encoder: {wide-net: {finetuning: {epochs: 5}}}}\n",
        name="over.yaml",
    )
    per = with_per("  encoder: {net: {finetuning: {epochs: 7}}}\n")
    assert epochs(cells(MATRIX, per, overlays=[str(over)])) == {"net": 9, "wide-net": 5}


def test_an_experiment_counts_over_it(cells):
    per = with_per("  encoder: {net: {finetuning: {epochs: 7}}}\n")
    own = ("{label: Ordered Pair}", "{label: Ordered Pair, set: {finetuning.epochs: 4}}")
    found = cells(per, own)
    assert {c.experiment: c.stage.spec["epochs"] for c in found} == {"baseline": 7, "ordered": 4}


def test_parameters_of_a_plugin_stay_when_an_axis_chooses_the_plugin(cells):
    per = with_per("  encoder: {wide-net: {encoder: {params: {size: 3}}}}\n")
    found = cells(MATRIX, per)
    params = {c.names["encoder"]: c.stage.spec["encoder"]["params"] for c in found}
    assert params == {"net": {}, "wide-net": {"size": 3}}


def test_parameters_of_a_strategy_stay_when_an_experiment_chooses_it(cells):
    per = with_per("  strategy: {fixed: {pretraining: {strategy: {params: {rate: 3}}}}}\n")
    own = ("ordered: {label: Ordered Pair}", "fixed: {label: Fixed, set: {strategy: fixed}}")
    *_, found = cells(per, own)
    assert found.stage.upstream.spec["strategy"]["params"] == {"rate": 3}


def test_another_plugin_above_undoes_what_it_says_of_the_one_below(cells, write):
    per = with_per("  dataset: {tissue: {datasets: {tissue: {params: {size: 3}}}}}\n")
    other = "datasets: {tissue: {plugin: more-slides, root: tissue, split: {folds: 3}}}\n"
    over = write(text=other, name="over.yaml")

    found = cells(per, overlays=[str(over)])

    assert {str(cell.stage.data.settings.params) for cell in found} == {"{}"}


def test_an_unknown_key_in_it_is_named_with_its_place(loaded, write, line_of):
    change = with_per("  encoder:\n    wide-net: {finetuning: {epoch: 7}}\n")
    with pytest.raises(ProtocolError, match=r"unknown key 'finetuning\.epoch'") as caught:
        loaded(change)
    path = write(change)
    assert caught.value.location.line == line_of(path, "epoch: 7")
    assert "'epochs'" in str(caught.value)


def test_an_axis_that_it_does_not_know_is_refused(loaded):
    with pytest.raises(ProtocolError, match=r"per\.encoders"):
        loaded(with_per("  encoders: {net: {finetuning: {epochs: 7}}}\n"))


def test_a_relative_path_in_it_lies_beside_the_file_that_writes_it(cells, tmp_path):
    per = with_per("  dataset: {tissue: {datasets: {tissue: {root: elsewhere}}}}\n")
    roots = {cell.stage.data.settings.root for cell in cells(per)}
    assert roots == {str(tmp_path / "elsewhere")}


def test_a_plugin_is_the_same_by_its_full_name(cells):
    per = with_per("  encoder: {wide-net: {finetuning: {epochs: 7}}}\n")
    spelt_out = ("matrix:\n", "matrix:\n  encoder: [fake/net, fake/wide-net]\n")
    assert epochs(cells(spelt_out, per)) == {"fake/net": 3, "fake/wide-net": 7}


def test_a_plugin_that_there_is_not_is_refused_at_its_place(cells, write, line_of):
    change = with_per("  encoder:\n    wide-nett: {finetuning: {epochs: 7}}\n")
    with pytest.raises(ProtocolError, match="No encoder is called 'wide-nett'") as caught:
        cells(change)
    assert caught.value.location.line == line_of(write(change), "wide-nett")


def test_a_value_counts_over_the_star_of_its_own_and_of_lower_layers(cells, write):
    star = (
        '  strategy:\n    ordered: {finetuning: {epochs: 7}}\n    "*": {finetuning: {epochs: 8}}\n'
    )
    over = write(text="per: {strategy: {ordered: {finetuning: {epochs: 5}}}}\n", name="over.yaml")
    own = {c.experiment: c.stage.spec["epochs"] for c in cells(with_per(star))}
    assert own == {"baseline": 3, "ordered": 7}
    (*_, ordered) = cells(with_per(star), overlays=[str(over)])
    assert ordered.stage.spec["epochs"] == 5


def test_a_star_in_a_layer_above_counts_over_a_value_below(cells, write):
    over = write(text='per: {strategy: {"*": {finetuning: {epochs: 5}}}}\n', name="over.yaml")
    below = with_per("  strategy: {ordered: {finetuning: {epochs: 7}}}\n")
    (*_, ordered) = cells(below, overlays=[str(over)])
    assert ordered.stage.spec["epochs"] == 5


def test_an_adaptation_that_there_is_not_is_refused(loaded):
    with pytest.raises(ProtocolError, match=r"no adaptation 'linaer'\. Did you mean 'linear'"):
        loaded(with_per("  adaptation: {linaer: {finetuning: {epochs: 7}}}\n"))
