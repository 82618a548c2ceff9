"""Names of files and folders: where relative ones lie, and variables in them."""

from __future__ import annotations

import os

import pytest

from mpcs_bench.errors import ProtocolError, SplitError
from mpcs_bench.protocol.load import expand_variables, load


def root_of(loaded) -> str:
    return loaded.protocol.datasets["tissue"].root


def test_relative_paths_lie_beside_the_file_that_writes_them(write, tmp_path, monkeypatch):
    write(name="base/bottom.yaml")
    write(
        text="weights: {source: file, file: w.safetensors}\n"
        "datasets: {tissue: {split: {scheme: file, file: ../s.csv}}}",
        name="overlays/o.yaml",
    )
    top = write(text="extends: base/bottom.yaml", name="t.yaml")
    monkeypatch.chdir("/")

    loaded = load(str(top), [], overlays=["o"])

    assert root_of(loaded) == str(tmp_path / "base" / "tissue")
    assert loaded.protocol.weights.file == str(tmp_path / "overlays" / "w.safetensors")
    split = loaded.protocol.datasets["tissue"].split
    assert os.path.normpath(split.file) == str(tmp_path / "s.csv")


def test_relative_paths_in_experiments_and_axes_lie_beside_the_file(loaded, tmp_path):
    protocol = loaded(
        ("set: {pretraining: null}", "set: {weights: {source: file, file: a.pt}}"),
        (
            "label: Ordered Pair}",
            "label: Ordered Pair, set: {datasets.tissue.root: other, weights: none}}",
        ),
        ("  fold: [0]", "  weights: [none, {source: file, file: b.pt}]"),
    ).protocol

    assert protocol.experiments["baseline"].set["weights"]["file"] == str(tmp_path / "a.pt")
    assert protocol.experiments["ordered"].set["datasets.tissue.root"] == str(tmp_path / "other")
    assert protocol.matrix["weights"] == [
        "none",
        {"source": "file", "file": str(tmp_path / "b.pt")},
    ]


def test_plugin_files_lie_beside_the_file_that_names_them(write, tmp_path):
    write(name="base/bottom.yaml")
    write(text="plugins: [mine.py]", name="base/with-plugin.yaml")
    top = write(text="extends: [base/bottom.yaml, base/with-plugin.yaml]", name="t.yaml")
    assert load(str(top), []).protocol.plugins == (str(tmp_path / "base" / "mine.py"),)


@pytest.mark.parametrize("written", ["/data/x", "~/x", "${SLIDES}", "${SLIDES}/x", "${S:-/d}/x"])
def test_absolute_paths_and_variables_stay_as_written(written, loaded):
    assert root_of(loaded(("root: tissue", f"root: {written}"))) == written


def test_the_relative_default_of_a_variable_lies_beside_the_file(loaded, tmp_path, monkeypatch):
    root = root_of(loaded(("root: tissue", "root: ${SLIDES:-data/slides}/40X")))

    monkeypatch.delenv("SLIDES", raising=False)
    assert expand_variables(root) == (f"{tmp_path}/data/slides/40X", [])
    monkeypatch.setenv("SLIDES", "/mnt/slides")
    assert expand_variables(root) == ("/mnt/slides/40X", [])


def test_paths_on_the_command_line_lie_in_the_current_folder(write, tmp_path, monkeypatch):
    path = write(name="p/small.yaml")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    by_set = load(str(path), [], assignments=["datasets.tissue.root=slides"])
    by_data = load(str(path), [], data_roots={"tissue": "slides"})

    assert root_of(by_set) == root_of(by_data) == str(tmp_path / "here" / "slides")


def test_variables_and_defaults_are_filled_in(monkeypatch):
    monkeypatch.setenv("ROOT_A", "/a")
    monkeypatch.delenv("ROOT_B", raising=False)
    assert expand_variables("${ROOT_A}/x${ROOT_B:-y}") == ("/a/xy", [])
    assert expand_variables("${ROOT_B}/x") == ("${ROOT_B}/x", ["ROOT_B"])


@pytest.mark.parametrize("written", ["${ROOT_B}", "${ROOT_B:-}"])
def test_a_variable_set_to_nothing_is_not_the_current_folder(written, monkeypatch):
    monkeypatch.setenv("ROOT_B", "")
    assert expand_variables(written)[1] == ["ROOT_B"]


def test_a_variable_that_is_none_is_refused_where_it_stands(write, line_of):
    path = write(("root: tissue", "root: ${SLIDES/x"))
    with pytest.raises(ProtocolError, match=r"'datasets.tissue.root': '\$\{' begins no") as caught:
        load(str(path), [])
    assert caught.value.location.line == line_of(path, "root:")


def test_a_split_file_may_stand_behind_a_variable(cells, monkeypatch, tmp_path):
    (cell, *_) = cells(("{folds: 3}", "{scheme: file, file: '${SPLITS}/s.csv'}"))

    monkeypatch.setenv("SPLITS", str(tmp_path))
    assert cell.stage.data.split.file == str(tmp_path / "s.csv")
    monkeypatch.delenv("SPLITS")
    with pytest.raises(SplitError, match="SPLITS is not set"):
        _ = cell.stage.data.split
