"""A third party's strategy, from a file and from an installed package, beside the paper's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., Any]
Write = Callable[..., Path]
PACKAGE = Path(__file__).resolve().parent.parent / "fixtures" / "third_party"

WIDEST = '''\
import numpy as np
from mpcs_bench.registry import PairStrategy

class Widest(PairStrategy):
    """The lowest and the highest magnification that a sample has."""

    name = "widest"
    human_prior, degrees_of_freedom = 2, 0

    def draw(self, sets, available, generator):
        have = available > 0
        last = have.shape[1] - 1 - have[:, ::-1].argmax(1)
        return sets.view_plan(np.stack([have.argmax(1), last], axis=1), generator)
'''


def _overlay(folder: Path, strategy: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(
        f"experiments:\n  theirs: {{label: Their Pair, set: {{strategy: {strategy}}}}}\n"
    )
    return path


def _assert_in_the_report(bench: Bench, folder: Path, *options: object, **env: Any) -> None:
    done = bench("run", "tiny.yaml", "--overlay", "mine.yaml", *options, **env)
    assert done.code == 0, done.err
    page = (folder / "mpcs-workspace/reports/tiny/report.md").read_text()
    assert "Their Pair" in page
    assert "Ordered Pair" in page
    query = "SELECT count(*) AS n FROM cells WHERE experiment = 'theirs' AND state = 'done'"
    assert bench("sql", query, "--json").json == [{"n": 4}]


def test_a_strategy_of_under_15_lines_from_one_file(
    bench: Bench, tiny_protocol: Write, tmp_path: Path
) -> None:
    assert len(WIDEST.splitlines()) < 15
    tiny_protocol()
    (tmp_path / "spread.py").write_text(WIDEST)
    _overlay(tmp_path, "widest")
    assert bench("plugins", "test", "widest", "--plugin", "spread.py").code == 0
    _assert_in_the_report(bench, tmp_path, "--plugin", "spread.py")


def test_changing_a_plugin_file_reruns_what_rests_on_it_alone(
    bench: Bench, tiny_protocol: Write, tmp_path: Path
) -> None:
    path = tiny_protocol()
    (tmp_path / "spread.py").write_text(WIDEST)
    _overlay(tmp_path, "widest")
    options = ("--overlay", "mine.yaml", "--plugin", "spread.py")
    assert bench("run", path, *options).code == 0
    (tmp_path / "spread.py").write_text(WIDEST + "\n# another thought\n")
    plan = bench("plan", path, *options, "--json").json
    again = {stage["symbolic"] for stage in plan["list"] if stage["status"] == "run"}
    assert len(again) == 2 + 4
    assert all("widest" in symbolic for symbolic in again)


@pytest.fixture(scope="module")
def installed_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the path with the third party's package installed in it by pip."""
    target = tmp_path_factory.mktemp("site")
    install = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", *install, str(PACKAGE)], check=True)
    return target


@pytest.mark.slow
def test_a_strategy_from_an_installed_package(
    bench: Bench, tiny_protocol: Write, tmp_path: Path, installed_package: Path
) -> None:
    tiny_protocol()
    env = {"PYTHONPATH": str(installed_package)}
    listed = bench("plugins", "list", "--json", env=env).json
    (theirs,) = [row for row in listed if row["name"].startswith("acme_pairs/")]
    assert theirs["kind"] == "strategy"
    _overlay(tmp_path, theirs["name"])
    done = bench("run", "tiny.yaml", "--overlay", "mine.yaml", env=env)
    assert done.code == 0, done.err
    assert "Their Pair" in (tmp_path / "mpcs-workspace/reports/tiny/report.md").read_text()
