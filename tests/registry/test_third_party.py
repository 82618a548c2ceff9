"""A stranger's package, built and installed for real, comes in by the same door as the paper's."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "fixtures" / "third_party"


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    """The folder that tests/fixtures/third_party is installed into."""
    target = tmp_path_factory.mktemp("acme")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-cache-dir"]
    # With hatchling at hand nothing is fetched; without it pip fetches it to build.
    if importlib.util.find_spec("hatchling"):
        command.append("--no-build-isolation")
    done = subprocess.run(
        [*command, "--target", str(target), str(PACKAGE)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return target


def test_it_is_found_and_passes_the_suite(acme, run_python):
    code = """
import json
from mpcs_bench.registry import Registry
from mpcs_bench.registry.suite import check
registry = Registry.discover()
entry = registry.get("strategy", "widest")
print(json.dumps({
    "origin": entry.origin,
    "identity": registry.resolve("strategy", "widest").identity(),
    "failed": [result.message for result in check(entry) if not result.passed],
    "beside": [e.name for e in registry.entries("strategy") if e.package == "mpcs_paper"],
}))
"""

    found = json.loads(run_python(code, acme))

    assert found == {
        "origin": "acme_pairs.pairs:WidestPair (acme-pairs 0.3.0)",
        "identity": {"plugin": "acme_pairs/widest", "version": "1", "params": {}},
        "failed": [],
        "beside": ["fixed", "ordered", "random"],
    }


def test_its_strategy_takes_fewer_than_15_lines():
    source = (PACKAGE / "acme_pairs" / "pairs.py").read_text()

    assert len(source.splitlines()) < 15
