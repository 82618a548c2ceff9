"""`plugins new` writes one file, and what it writes passes the contract suite."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mpcs_bench.errors import PluginError
from mpcs_bench.registry import KINDS, Registry
from mpcs_bench.registry.suite import check
from mpcs_bench.registry.template import write_template


@pytest.fixture
def tissue(tmp_path):
    """A root folder as the data set template expects it, with one stray file."""
    root = tmp_path / "tissue"
    for label in ("benign", "malignant"):
        (root / label).mkdir(parents=True)
        for magnification in (40, 400):
            image = np.zeros((8, 8, 3), np.uint8)
            cv2.imwrite(str(root / label / f"{label[0]}1_{magnification}_1.png"), image)
    cv2.imwrite(str(root / "benign" / "thumbnail.png"), image)
    return root


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_the_suite_of_its_kind(kind, tmp_path, tissue):
    (path,) = write_template(kind, "my-first.one", tmp_path)

    entry = Registry.discover([path]).get(kind, "my_first_one/my-first.one")
    results = check(entry, root=tissue, image_size=32)

    assert [(r.name, r.message) for r in results if not r.passed] == []
    assert len(results) > 6


def test_the_data_set_template_rejects_a_stray_file_aloud(tmp_path, tissue):
    registry = Registry.discover(write_template("dataset", "mine", tmp_path))

    scan = registry.create(registry.resolve("dataset", "mine/mine")).scan(tissue)

    assert [unreadable.path for unreadable in scan.rejected] == ["benign/thumbnail.png"]


def test_a_new_strategy_takes_fewer_than_15_lines(tmp_path):
    (path,) = write_template("strategy", "mine", tmp_path)

    assert len(path.read_text().splitlines()) < 15


def test_nothing_is_overwritten(tmp_path):
    (path,) = write_template("loss", "mine", tmp_path)
    path.write_text("# edited\n")

    with pytest.raises(PluginError, match="exists already"):
        write_template("loss", "mine", tmp_path)
    assert path.read_text() == "# edited\n"


@pytest.mark.parametrize("name", ["", "Mine", "my pairs", "../mine", "1st", "mine/own"])
def test_a_name_that_no_plugin_can_have_is_refused(name, tmp_path):
    with pytest.raises(PluginError, match="cannot name a plugin"):
        write_template("loss", name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_kind_gets_a_suggestion(tmp_path):
    with pytest.raises(PluginError, match="Did you mean 'strategy'"):
        write_template("strategie", "mine", tmp_path)
