"""UCSB: 58 images in 10 spots, cut into patches that the layout decides."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from PIL import Image
from pydantic import ValidationError

from mpcs_bench.data.index_build import index_report
from mpcs_bench.errors import DataError
from mpcs_bench.registry import entry_for
from mpcs_bench.registry.suite import check
from mpcs_paper.datasets.ucsb import UCSB, UCSBParams

NAME = "ytma10_010704_malignant2_ccd.tif"


def make(root, *names, size=(896, 768)):
    for name in names:
        Image.new("RGB", size).save(root / name)
    return root


@pytest.mark.parametrize(("layout", "patches"), [("shifted", 16), ("floor", 12)])
def test_the_layout_decides_how_many_patches_an_image_gives(tmp_path, layout, patches):
    dataset = UCSB(UCSBParams(layout=layout))
    scan = dataset.scan(make(tmp_path, NAME))
    assert len(scan.samples) == dataset.patches_per_image == patches


def test_patches_are_laid_by_the_images_own_size(tmp_path):
    scan = UCSB().scan(make(tmp_path, NAME, size=(448, 384)))
    assert [sample.box[:2] for sample in scan.samples] == [(0, 0), (224, 0), (0, 160), (224, 160)]


@pytest.mark.parametrize("patch", [0, -224])
def test_a_patch_that_cannot_be_cut_is_refused(patch):
    with pytest.raises(ValidationError):
        UCSBParams(patch=patch)


def test_an_image_smaller_than_a_patch_is_rejected(tmp_path):
    make(tmp_path, NAME)
    make(tmp_path, "ytma10_010704_malignant3_ccd.tif", size=(896, 200))
    scan = UCSB().scan(tmp_path)
    assert {sample.image_id for sample in scan.samples} == {"ytma10_010704_malignant2_ccd"}
    assert [r.reason for r in scan.rejected] == ["896x200 pixels, smaller than a patch of 224x224"]


def test_a_patch_larger_than_all_images_is_an_error_that_says_so(tmp_path):
    with pytest.raises(DataError, match="smaller than a patch of 2240x2240"):
        UCSB(UCSBParams(patch=2240)).scan(make(tmp_path, NAME))


def test_a_damaged_image_is_a_problem_of_decoding(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    make(root, NAME)
    (root / "ytma10_010704_benign1_ccd.tif").write_bytes(b"no image")
    report = index_report(UCSB(), root, tmp_path / "cache", workers=1)
    assert [p.path for p in report.decode.problems] == ["ytma10_010704_benign1_ccd.tif"]
    assert len(report.index) == 16


def test_a_patch_knows_its_image_its_spot_and_its_box(tmp_path):
    sample = UCSB().scan(make(tmp_path, NAME)).samples[5]
    assert sample.sample_id == "ytma10_010704_malignant2_ccd/05"
    assert (sample.label, sample.patch_index, sample.box) == ("malignant", 5, (224, 224, 224, 224))
    assert sample.groups == {"image": "ytma10_010704_malignant2_ccd", "spot": "ytma10_010704"}


def test_patch_null_gives_whole_images(tmp_path):
    (sample,) = UCSB(UCSBParams(patch=None)).scan(make(tmp_path, NAME)).samples
    assert (sample.sample_id, sample.box) == ("ytma10_010704_malignant2_ccd", None)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("holiday.tif", "not of the form"),
        ("ytma10_010704_normal1_ccd.tif", "not of the form"),
        ("ytma10_010704_benign9_ccd.png", "TIFF"),
        ("ytma10_010704_benign1_ccd.tiff", "same image name"),
    ],
)
def test_strays_are_rejected_with_the_reason(tmp_path, name, reason):
    root = make(tmp_path, "ytma10_010704_benign1_ccd.tif", name)
    scan = UCSB(UCSBParams(patch=None)).scan(root)
    assert len(scan.samples) == 1
    assert reason in scan.rejected[0].reason


@pytest.mark.parametrize("folder", ["", "gone"])
def test_a_root_without_its_images_is_an_error(tmp_path, folder):
    with pytest.raises(DataError, match="holds none of its images"):
        UCSB().scan(tmp_path / folder)


def test_all_real_spots_but_one_hold_both_classes(shared_data):
    classes = defaultdict(set)
    for sample in UCSB().scan(shared_data / "ucsb").samples:
        classes[sample.groups["spot"]].add(sample.label)
    assert len(classes) == 10
    assert [spot for spot, found in classes.items() if len(found) == 1] == ["ytma55_030603"]


def test_every_real_image_gives_sixteen_patches(shared_data):
    scan = UCSB().scan(shared_data / "ucsb")
    assert set(Counter(sample.image_id for sample in scan.samples).values()) == {16}
    assert (len(scan.samples), scan.rejected) == (58 * 16, [])


def test_the_real_data_set_keeps_the_contract(shared_data):
    results = check(entry_for(UCSB), root=shared_data / "ucsb")
    assert [result for result in results if not result.passed] == []
