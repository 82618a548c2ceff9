"""Distributions made on the spot: entry points are found whether or not we are installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
EntryPoints = Mapping[str, Mapping[str, str]]


def write_dist_info(folder: Path, name: str, version: str, points: EntryPoints) -> None:
    """Write what importlib.metadata reads of an installed distribution."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, members in points.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in members.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def own_entry_points(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A folder with this project's entry points, or None where it is installed."""
    try:
        distribution("mpcs-bench")
    except PackageNotFoundError:
        folder = tmp_path_factory.mktemp("own")
        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
        write_dist_info(folder, project["name"], "0.0.0", project["entry-points"])
        return folder
    return None


@pytest.fixture
def paper_installed(own_entry_points: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper's plugins are found through entry points."""
    if own_entry_points is not None:
        monkeypatch.syspath_prepend(own_entry_points)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install a package of one module for the length of a test: source and entry points."""

    def make(package: str, source: str, points: EntryPoints, version: str = "1.2.3") -> Path:
        folder = tmp_path / f"site-{package}"
        folder.mkdir()
        (folder / f"{package}.py").write_text(source)
        write_dist_info(folder, package.replace("_", "-"), version, points)
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, package, raising=False)
        return folder

    yield make
    for module in [name for name in sys.modules if name.startswith("stranger_")]:
        del sys.modules[module]


@pytest.fixture
def plugin_file(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a plugin file and return its path."""

    def write(name: str, source: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return path

    return write


@pytest.fixture(scope="session")
def run_python(own_entry_points: Path | None) -> Callable[..., str]:
    """Run code in a fresh interpreter that sees the project; returns what it prints."""

    def run(code: str, *extra_paths: Path) -> str:
        inherited = [path for path in sys.path if path]
        paths = [*map(str, extra_paths), *([str(own_entry_points)] if own_entry_points else [])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([*paths, *inherited])}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
