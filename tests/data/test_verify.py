"""`data verify` counts what is there beside what is declared."""

from __future__ import annotations

import json
import shutil
from typing import ClassVar

import numpy as np
import pytest

from mpcs_bench.data.index import DatasetFacts
from mpcs_bench.data.verify import count_images, verify
from mpcs_paper.datasets.breakhis import BreakHis
from mpcs_paper.datasets.ucsb import UCSB

imagecodecs = pytest.importorskip("imagecodecs")

PUBLISHED = {
    "images": 7909,
    "patients": 82,
    "patient_numbers": 81,
    "cases": 70,
    "complete_sets": 1558,
    "40X/benign": 625,
    "40X/malignant": 1370,
    "100X/benign": 644,
    "100X/malignant": 1437,
    "200X/benign": 623,
    "200X/malignant": 1390,
    "400X/benign": 588,
    "400X/malignant": 1232,
}


@pytest.fixture(scope="module")
def report(breakhis_tree, tmp_path_factory):
    return verify(BreakHis(), breakhis_tree, tmp_path_factory.mktemp("cache"), workers=2)


@pytest.mark.parametrize(("name", "number"), PUBLISHED.items(), ids=PUBLISHED)
def test_all_of_breakhis_is_counted_as_published(report, name, number):
    assert report.counts[name] == number


def test_every_declared_count_is_met(report):
    assert {e.name: e.expected for e in report.expectations} == PUBLISHED
    assert all(e.ok for e in report.expectations)


def test_the_known_defects_of_13412_are_found(report):
    assert [(d.rule, d.found) for d in report.known_defects] == [
        ("group-overlap", True),
        ("identical-pixels", True),
    ]
    assert all("14-13412" in name for ids in report.identical for name in ids)


def test_sizes_that_the_data_set_does_not_declare_are_listed(report):
    assert (report.sizes, report.undeclared_sizes) == ({"8x6": 7909}, ("8x6",))
    assert not report.ok


def test_patches_of_an_undeclared_size_are_cut_and_the_size_is_listed(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    for number, (width, height) in enumerate([(896, 768), (448, 300)], start=1):
        pixels = imagecodecs.tiff_encode(np.full((height, width, 3), number, np.uint8))
        (root / f"ytma10_010704_benign{number}_ccd.tif").write_bytes(pixels)
    report = verify(UCSB(), root, tmp_path / "cache")
    assert (report.unreadable, report.rejected) == ((), ())
    assert report.counts["samples"] == 16 + 4
    assert report.undeclared_sizes == ("448x300",)
    assert not report.ok


def test_the_report_is_json(report):
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["expectations"][0] == {
        "name": "images",
        "expected": 7909,
        "found": 7909,
        "ok": True,
    }
    assert plain["decode"] == {"decoded": 7909, "reused": 0}


def test_what_differs_is_reported_not_raised(breakhis_tree, tmp_path):
    root = tmp_path / "root"
    kept = "BreaKHis_v1/histology_slides/breast/benign/SOB/adenosis"
    shutil.copytree(breakhis_tree / kept, root / kept)
    patients = sorted((root / kept).iterdir())
    images = sorted((patients[0] / "40X").iterdir())
    images[0].write_bytes(b"")
    images[1].rename(images[1].with_name("renamed.png"))
    report = verify(BreakHis(), root, tmp_path / "cache")
    assert [p.reason for p in report.unreadable] == ["the file is empty (0 bytes)"]
    assert [p.path.endswith("renamed.png") for p in report.rejected] == [True]
    found = {e.name: (e.found, e.ok) for e in report.expectations}
    assert found["patients"] == (4, False)
    assert found["40X/malignant"] == (0, False)
    assert [d.found for d in report.known_defects] == [False, False]


def test_facts_that_do_not_apply_are_left_out(make_index):
    index = make_index([("benign", "A", "p", "c")], magnifications=[0])
    facts = DatasetFacts(
        "plain", "1", {}, ("benign", "malignant"), (), ("case",), "case", ("image",)
    )
    counts = count_images(type(index)(index.frame, facts, index.fingerprint))
    assert counts == {"samples": 1, "images": 1, "cases": 1, "benign": 1, "malignant": 0}


def test_patches_are_counted_by_image(make_index):
    index = make_index([("benign", "A", "p", "c")] * 3, image_ids=["a", "a", "b"])
    counts = count_images(index)
    assert (counts["samples"], counts["images"], counts["40X/benign"]) == (3, 2, 2)


def test_complete_sets_need_every_magnification_once_or_more(make_index):
    rows = [("benign", "A", "p", "c")] * 6
    index = make_index(
        rows,
        magnifications=[40, 100, 200, 400, 40, 100],
        sequences=["1", "1", "1", "1", "2", "2"],
    )
    assert count_images(index)["complete_sets"] == 1


def test_an_expectation_that_cannot_be_counted_is_not_met(breakhis_tree, tmp_path):
    class Odd(BreakHis):
        expected: ClassVar[dict[str, int]] = {"unicorns": 3}

    root = tmp_path / "root"
    kept = "BreaKHis_v1/histology_slides/breast/benign/SOB/phyllodes_tumor"
    shutil.copytree(breakhis_tree / kept, root / kept)
    (expectation,) = verify(Odd(), root, tmp_path / "cache").expectations
    assert (expectation.found, expectation.ok) == (None, False)


def test_a_whole_and_declared_data_set_is_fine(tmp_path):
    class Tiny(BreakHis):
        expected: ClassVar[dict[str, int]] = {"images": 1}
        image_sizes = ((8, 6),)

    name = "SOB_B_A-14-22549AB-40-001.png"
    folder = "BreaKHis_v1/histology_slides/breast/benign/SOB/adenosis/SOB_B_A_14-22549AB/40X"
    (tmp_path / "root" / folder).mkdir(parents=True)
    pixels = imagecodecs.png_encode(np.zeros((6, 8, 3), np.uint8))
    (tmp_path / "root" / folder / name).write_bytes(pixels)
    assert verify(Tiny(), tmp_path / "root", tmp_path / "cache").ok
