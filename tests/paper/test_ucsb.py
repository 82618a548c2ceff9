"""UCSB: 58 images in 10 spots, cut into patches that the layout decides."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from pydantic import ValidationError

from mpcs_bench.errors import DataError
from mpcs_paper.datasets.ucsb import UCSB, UCSBParams, patch_boxes


@pytest.mark.parametrize(("layout", "patches"), [("shifted", 16), ("floor", 12)])
def test_the_layout_decides_how_many_patches_an_image_gives(layout, patches):
    boxes = patch_boxes(224, layout)
    assert len(boxes) == len(set(boxes)) == patches
    assert all(x + w <= 896 and y + h <= 768 and (w, h) == (224, 224) for x, y, w, h in boxes)


def covered(boxes):
    area = np.zeros((768, 896), dtype=int)
    for x, y, w, h in boxes:
        area[y : y + h, x : x + w] += 1
    return area


@pytest.mark.parametrize("patch", [100, 224, 768])
def test_shifted_patches_cover_every_pixel(patch):
    assert covered(patch_boxes(patch, "shifted")).min() >= 1


@pytest.mark.parametrize("patch", [100, 224, 768])
def test_floor_patches_never_overlap(patch):
    assert covered(patch_boxes(patch, "floor")).max() == 1


@pytest.mark.parametrize("patch", [0, 769])
def test_a_patch_that_cannot_be_cut_is_refused(patch):
    with pytest.raises(ValidationError):
        UCSBParams(patch=patch)


def make(root, *names):
    for name in names:
        (root / name).write_bytes(b"never opened")
    return root


def test_a_patch_knows_its_image_its_spot_and_its_box(tmp_path):
    root = make(tmp_path, "ytma10_010704_malignant2_ccd.tif")
    sample = UCSB().scan(root).samples[5]
    assert sample.sample_id == "ytma10_010704_malignant2_ccd/05"
    assert (sample.label, sample.patch_index, sample.box) == ("malignant", 5, (224, 224, 224, 224))
    assert sample.groups == {"image": "ytma10_010704_malignant2_ccd", "spot": "ytma10_010704"}


def test_patch_null_gives_whole_images(tmp_path):
    root = make(tmp_path, "ytma10_010704_malignant2_ccd.tif")
    (sample,) = UCSB(UCSBParams(patch=None)).scan(root).samples
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
