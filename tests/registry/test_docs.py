"""The plugins printed in docs/plugins.md work as printed."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from mpcs_bench.registry import KINDS, Registry
from mpcs_bench.registry.suite import check

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins.md"


@pytest.fixture
def printed(plugin_file):
    """The page's examples, each as a plugin file of its own."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    plugins = [block for block in blocks if "def test_" not in block]
    return Registry.discover(
        [plugin_file(f"printed_{i}.py", block) for i, block in enumerate(plugins)]
    )


@pytest.fixture
def tissue(tmp_path):
    """A root folder as the page's data set expects it."""
    for label in ("benign", "malignant"):
        (tmp_path / "tissue" / label).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "tissue" / label / "p7-1.png"), np.zeros((8, 8, 3), np.uint8))
    return tmp_path / "tissue"


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_each_kind_passes_the_suite(kind, printed, tissue):
    (entry,) = [e for e in printed.entries(kind) if e.package.startswith("printed_")]

    results = check(entry, root=tissue, image_size=64)

    assert [(r.name, r.message) for r in results if not r.passed] == []


def test_the_page_names_every_check(printed, tissue):
    table = PAGE.read_text().rpartition("## The contract suite")[2]

    for entry in printed.entries():
        if entry.package.startswith("printed_"):
            for result in check(entry, root=tissue, image_size=64):
                assert result.name.replace(",", "") in table, result.name
