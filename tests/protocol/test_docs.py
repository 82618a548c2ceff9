"""What docs/protocols.md prints is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mpcs_bench.engine.catalogue import RegistryCatalogue
from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.cells import LIGHT_AXES
from mpcs_bench.protocol.dotted import ALIASES
from mpcs_bench.protocol.expand import expand
from mpcs_bench.protocol.load import load
from mpcs_bench.protocol.schema import CellSettings, Protocol
from mpcs_bench.protocol.settings import role_of, walk
from mpcs_bench.registry import Registry
from mpcs_bench.shipped import folder as shipped_folder

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocols.md").read_text()
FILES = {
    text.partition("\n")[0].removeprefix("# "): text
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The page's files, in the current folder."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def catalogue() -> RegistryCatalogue:
    return RegistryCatalogue(Registry.discover())


def test_the_example_expands_into_the_cells_that_the_page_counts(folder, catalogue):
    cells = expand(load("my-study.yaml", []), catalogue)
    pretrainings = [cell.stage.upstream.symbol for cell in cells if cell.stage.upstream]

    words = re.search(r"This is (\d+) cells: .* They need (\d+) pre-trainings.* by (\d+)", PAGE)
    assert words is not None
    assert [len(cells), len(set(pretrainings))] == [int(words[1]), int(words[2])]
    assert {pretrainings.count(symbol) for symbol in pretrainings} == {int(words[3])}


def test_the_overlay_and_the_assignment_of_the_page_work(folder, catalogue):
    loaded = load(
        "my-study.yaml",
        [],
        overlays=["smoke.yaml"],
        assignments=["finetuning.batch_size=8", "matrix.fold=[0]"],
    )
    cells = expand(loaded, catalogue)

    assert loaded.protocol.scale == "smoke"
    assert len(cells) == 3 * 2
    assert {(c.stage.spec["epochs"], c.stage.spec["batch_size"]) for c in cells} == {(1, 8)}


def test_the_overlays_of_the_page_add_an_experiment_and_take_one_out(folder, catalogue):
    loaded = load("my-study.yaml", [], overlays=["mine.yaml"])

    assert list(loaded.protocol.experiments) == ["baseline", "ordered", "random"]
    assert len(expand(loaded, catalogue)) == 3 * 2 * 5 * 2 * 2


@pytest.mark.parametrize("text", re.findall(r"--set (\S+?='[^']*'|\S+=[^\s`]+)", PAGE))
def test_every_assignment_that_the_page_shows_is_accepted(text, folder):
    name, _, value = text.partition("=")
    shipped = [shipped_folder("protocols")]
    assert load("my-study.yaml", shipped, assignments=[f"{name}={value.strip(chr(39))}"])


def test_the_error_of_the_page_is_the_error(folder):
    path = folder / "my-study.yaml"
    path.write_text(path.read_text().replace("  epochs: 60", "  epoch: 60"))

    with pytest.raises(ProtocolError) as caught:
        load("my-study.yaml", [])

    (printed,) = re.findall(r"```text\n(.*?)\n```", PAGE, re.DOTALL)
    assert str(caught.value) == printed


def test_every_section_and_axis_is_on_the_page():
    for name in (*Protocol.model_fields, *LIGHT_AXES, *ALIASES):
        assert f"`{name}`" in PAGE, name


def test_the_page_names_the_factors_and_what_is_runtime():
    line = next(line for line in PAGE.splitlines() if line.startswith("Factors are"))
    factors, _, rest = line.partition(" Seeds, folds")
    runtime = rest[rest.index("Runtime are") : rest.index("Names, titles")]
    for path, _, info in walk(CellSettings):
        name = ".".join(path)
        if role_of(info) == "factor" and path[-1] not in ("plugin", "params", "source"):
            assert f"`{name}`" in factors
        if role_of(info) == "runtime":
            assert f"`{name.removeprefix('datasets.*.')}`" in runtime
