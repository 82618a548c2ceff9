"""From a protocol to its cells: which, in what order, under what names, sharing what."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.expand import expand

AXES = "  train_magnification: [40]\n  fold: [0]\n"


def matrix(text: str) -> tuple[str, str]:
    return AXES, "".join(f"  {line}\n" for line in text.splitlines())


def points(cells) -> list[tuple]:
    return [
        (c.experiment, c.axes.fold, c.axes.seed, c.axes.train_magnification, c.axes.label_fraction)
        for c in cells
    ]


@pytest.fixture
def refused(cells):
    def make(*replacements, **options) -> ProtocolError:
        with pytest.raises(ProtocolError) as caught:
            cells(*replacements, **options)
        return caught.value

    return make


# --- which cells, in what order ---------------------------------------------------------------


def test_without_axes_every_fold_and_magnification_of_the_data_set_is_a_cell(cells):
    made = cells(matrix(""), ("matrix:\n", "matrix: {}\n"))
    assert points(made) == [
        (experiment, fold, 0, magnification, 1.0)
        for experiment in ("baseline", "ordered")
        for fold in (0, 1, 2)
        for magnification in (40, 100, 400)
    ]


def test_experiments_come_first_then_settings_then_fold_seed_magnification_and_labels(cells):
    made = cells(
        matrix(
            "label_fraction: [1.0, 0.2]\nseed: [3, 1]\nfinetuning.epochs: [5, 4]\n"
            "train_magnification: [400, 40]\nencoder: [net, wide-net]\nfold: [2, 0]"
        )
    )
    assert [
        (c.experiment, c.stage.spec["epochs"], c.names["encoder"], *points([c])[0][1:])
        for c in made
    ] == [
        (experiment, epochs, encoder, fold, seed, magnification, fraction)
        for experiment in ("baseline", "ordered")
        for epochs in (5, 4)
        for encoder in ("net", "wide-net")
        for fold in (2, 0)
        for seed in (3, 1)
        for magnification in (400, 40)
        for fraction in (1.0, 0.2)
    ]


def test_published_folds_count_from_one_and_a_split_file_has_fold_nought(cells):
    official = cells(("{folds: 3}", "{scheme: official}"), ("  fold: [0]\n", ""))
    file = cells(("{folds: 3}", "{scheme: file, file: s.csv}"), ("  fold: [0]\n", ""))
    assert [c.axes.fold for c in official if c.experiment == "ordered"] == [1, 2, 3, 4, 5]
    assert [c.axes.fold for c in file if c.experiment == "ordered"] == [0]


def test_expansion_gives_the_same_cells_each_time_and_in_each_process(cells, loaded, catalogue):
    first = cells(matrix("encoder: [net, wide-net]\nfold: [0, 1]"))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from conftest import FakeCatalogue\n"
        "from mpcs_bench.protocol.expand import expand\n"
        "from mpcs_bench.protocol.load import load\n"
        "for cell in expand(load(sys.argv[2], []), FakeCatalogue()):\n"
        "    print(cell.stage.symbol, cell.symbolic)\n"
    )
    path = loaded(matrix("encoder: [net, wide-net]\nfold: [0, 1]")).path
    folder = __file__.rpartition("/")[0]

    again = subprocess.run(
        [sys.executable, "-c", code, folder, str(path)], capture_output=True, text=True, check=True
    ).stdout

    assert [f"{c.stage.symbol} {c.symbolic}" for c in first] == again.splitlines()


def test_expansion_needs_no_data_and_no_weights(cells):
    assert cells(
        ("root: tissue", "root: ${NOWHERE_AT_ALL}/x"),
        ("encoder: net", "encoder: net\nweights: {source: file, file: /nowhere/w.safetensors}"),
    )


def test_expansion_imports_no_plugin_and_nothing_heavy():
    code = (
        "import sys, mpcs_bench.protocol.expand\n"
        "heavy = {'torch', 'timm', 'pandas', 'duckdb', 'cv2', 'mpcs_paper', 'sklearn'}\n"
        "print(sorted(heavy & sys.modules.keys()), "
        "[m for m in sys.modules if m.startswith('mpcs_bench.registry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


# --- names and sharing ------------------------------------------------------------------------


def test_readable_ids_of_different_stages_differ_and_of_one_stage_agree(cells):
    made = cells(
        (
            "  ordered: {label: Ordered Pair}",
            "  ordered: {label: Ordered Pair}\n"
            "  f1: {label: Fixed 1, set: {strategy: {plugin: fixed, params: {size: 1}}}}\n"
            "  f2: {label: Fixed 2, set: {strategy: {plugin: fixed, params: {size: 2}}}}\n"
            "  f3: {label: Fixed 3, set: {pretraining.strategy.params: {size: 2}}}\n"
            "  w1: {label: File 1, set: {weights: {source: file, file: 1.pt}}}\n"
            "  w2: {label: File 2, set: {weights: {source: file, file: 2.pt}}}",
        ),
        matrix(
            "finetuning.threshold: [0.2, 0.5]\nlabel_fraction: [0.1234567, 0.1234568]\n"
            "split_seed: [0, 1]\nreplicate: [0, 1]\nseed: [0, 1]"
        ),
    )
    upstream = [c.stage.upstream for c in made if c.stage.upstream is not None]
    for stages in ([c.stage for c in made], upstream):
        pairs = {(stage.symbol, stage.symbolic) for stage in stages}
        assert len({symbol for symbol, _ in pairs}) == len(pairs)
        assert len({symbolic for _, symbolic in pairs}) == len(pairs)


def test_readable_ids_do_not_depend_on_where_the_protocol_lies(write, catalogue):
    from mpcs_bench.protocol.load import load

    change = (
        ("encoder: net", "encoder: net\nweights: none"),
        matrix("weights: [{source: file, file: w/a.pt}]"),
    )
    ids = []
    for name in ("here/small.yaml", "there/small.yaml"):
        made = expand(load(str(write(*change, name=name)), []), catalogue)
        ids.append([cell.symbolic for cell in made])
    assert ids[0] == ids[1]
    assert '"w/a.pt"' in ids[0][0]


def test_the_id_of_a_pre_training_says_nothing_of_fine_tuning(cells):
    made = cells(matrix("fold: [0]\nfinetuning.epochs: [1, 2]\npretraining.epochs: [7]"))
    (upstream,) = {c.stage.upstream.symbolic for c in made if c.stage.upstream}
    assert "pretraining.epochs=7" in upstream
    assert "finetuning" not in upstream


def test_the_id_of_a_pre_training_says_nothing_of_another_data_set(cells):
    made = cells(
        ("encoder: net", "  other: {plugin: slides}\nencoder: net"),
        ("finetuning:\n  dataset: tissue", "finetuning:\n  dataset: other"),
        matrix(
            "fold: [0]\ndatasets.other.image_size: [[8, 8], [9, 9]]\n"
            "datasets.tissue.image_size: [[7, 7]]"
        ),
    )
    (upstream,) = {c.stage.upstream.symbolic for c in made if c.stage.upstream}
    assert "datasets.tissue.image_size=[7,7]" in upstream
    assert "other" not in upstream


def test_cells_that_share_a_pre_training_share_its_symbol(cells):
    made = cells(
        (
            "  ordered: {label: Ordered Pair}",
            "  ordered: {label: Ordered Pair}\n"
            "  short: {label: Short, set: {finetuning.epochs: 1}}\n"
            "  same: {label: Same, set: {strategy: ordered}}\n"
            "  fixed: {label: Fixed, set: {strategy: fixed}}",
        ),
        matrix("fold: [0, 1]\ntrain_magnification: [40, 100]\nlabel_fraction: [0.2, 1]"),
    )
    shared = Counter(c.stage.upstream.symbol for c in made if c.stage.upstream)
    by_fold = {(c.experiment != "fixed", c.axes.fold) for c in made if c.stage.upstream}
    assert len(shared) == len(by_fold) == 4
    assert sorted(shared.values()) == [4, 4, 12, 12]


def test_each_data_set_is_split_by_its_own_seed_unless_the_matrix_names_seeds(cells):
    two = (
        ("{folds: 3}", "{folds: 3, seed: 47}"),
        ("encoder: net", "  other: {plugin: slides, split: {seed: 5}}\nencoder: net"),
        ("finetuning:\n  dataset: tissue", "finetuning:\n  dataset: other"),
    )

    def seeds(made):
        return {
            (c.stage.upstream.data.split.seed, c.stage.data.split.seed)
            for c in made
            if c.stage.upstream
        }

    assert seeds(cells(*two)) == {(47, 5)}
    assert seeds(cells(*two, matrix("fold: [0]\nsplit_seed: [1, 2]"))) == {(1, 1), (2, 2)}


VALUES = {
    "fold": st.integers(0, 2),
    "seed": st.integers(0, 9),
    "replicate": st.integers(0, 3),
    "split_seed": st.integers(0, 9),
    "train_magnification": st.sampled_from([40, 100, 400]),
    "label_fraction": st.sampled_from([0.05, 0.2, 0.5, 1.0]),
    "encoder": st.sampled_from(["net", "wide-net"]),
    "strategy": st.sampled_from(["fixed", "ordered", "random"]),
    "finetuning.epochs": st.integers(1, 9),
}


@given(st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_adding_a_value_to_an_axis_changes_no_other_cell(cells, data):
    names = data.draw(
        st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3, unique=True)
    )
    axes = {
        name: data.draw(st.lists(VALUES[name], min_size=2, max_size=3, unique=True))
        for name in names
    }
    grown = data.draw(st.sampled_from(names))

    def made(axes):
        lines = "\n".join(f"{name}: {values}".replace("'", "") for name, values in axes.items())
        return cells(matrix(lines))

    def stages(cells):
        return {(c.experiment, c.stage.symbol, c.symbolic) for c in cells}

    fewer = {name: values[:-1] if name == grown else values for name, values in axes.items()}

    assert stages(made(fewer)) <= stages(made(axes))
    assert len(stages(made(axes))) == len(made(axes))


def test_parameters_of_the_plugins_that_a_table_compares_are_among_the_conditions(cells):
    loss = ("loss: nt-xent", "loss: {plugin: nt-xent, params: {rate: 0.5}}")
    found = {cell.experiment: cell.conditions for cell in cells(loss)}
    assert found["ordered"]["pretraining.loss.params"] == {"rate": 0.5}
    assert "pretraining.loss.params" not in found["baseline"]
