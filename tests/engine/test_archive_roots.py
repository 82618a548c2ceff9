"""Where an archive goes, and which folder of it is the data set's root."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mpcs_bench import api
from mpcs_bench.engine.archive_roots import archive_root, root_within
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import BenchError
from mpcs_bench.protocol.schema import DatasetSettings

Write = Callable[..., Path]
SETTINGS = DatasetSettings(plugin="breakhis")


@pytest.fixture
def placed(tiny_protocol: Write, tiny_breakhis: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return where the archive of `tissue` goes for protocols with these roots."""

    def place(*roots: str, data: dict[str, str] | None = None) -> Path:
        written = [
            tiny_protocol((f"root: {tiny_breakhis}", root), name=f"p{number}.yaml")
            for number, root in enumerate(roots)
        ]
        options = api.Options(data_roots=data or {})
        loaded = [api.load(str(path), options) for path in written]
        return archive_root("tissue", loaded, Workspace(tmp_path / "workspace")).folder

    return place


def test_a_protocols_root_is_the_place(placed: Callable[..., Path], tmp_path: Path) -> None:
    assert placed("root: images") == tmp_path / "images"


def test_data_goes_before_the_protocols_root(placed: Callable[..., Path], tmp_path: Path) -> None:
    assert placed("root: images", data={"tissue": str(tmp_path / "mine")}) == tmp_path / "mine"


@pytest.mark.parametrize("root", ["root: ${NO_SUCH_VARIABLE}", "params: {}"])
def test_without_a_root_it_is_a_folder_of_the_workspace(
    placed: Callable[..., Path], tmp_path: Path, root: str
) -> None:
    assert placed(root) == tmp_path / "workspace/data/tissue"


def test_protocols_that_disagree_are_refused(placed: Callable[..., Path]) -> None:
    with pytest.raises(BenchError, match=r"place the data set 'tissue' differently: .*one.*two"):
        placed("root: one", "root: two")


def test_images_may_lie_deeper_in_an_archive(tiny_breakhis: Path, tmp_path: Path) -> None:
    inner = tmp_path / "download/breast cancer"
    shutil.copytree(tiny_breakhis, inner)
    assert root_within(tmp_path, SETTINGS, api.registry()) == inner
    assert root_within(tiny_breakhis, SETTINGS, api.registry()) == tiny_breakhis


def test_of_an_archive_of_something_else_the_whole_is_the_root(tmp_path: Path) -> None:
    (tmp_path / "photos/more").mkdir(parents=True)
    assert root_within(tmp_path, SETTINGS, api.registry()) == tmp_path
