"""From a root folder to its index, with every bad image named."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.index_build import build_index, index_report
from mpcs_bench.data.pixels import PixelCache
from mpcs_bench.errors import DataError, PluginError
from mpcs_bench.registry.dataset import Dataset, Sample, Scan

imagecodecs = pytest.importorskip("imagecodecs")


class Folder(Dataset):
    """One PNG a sample, `label-case-number.png`; boxes where the test sets them."""

    name = "folder"
    classes = ("benign", "malignant")
    group_columns = ("case",)
    default_group = "case"
    box = None

    def scan(self, root):
        return Scan(
            [
                Sample(
                    sample_id=file.stem,
                    path=file.name,
                    label=file.stem.split("-")[0],
                    subtype="A",
                    patient_id=file.stem.split("-")[1],
                    groups={"case": file.stem.split("-")[1]},
                    image_id=file.stem,
                    box=self.box,
                )
                for file in sorted(root.glob("*.png"))
            ]
        )


def put(root, count, size=(8, 6)):
    root.mkdir(exist_ok=True)
    for i in range(count):
        pixels = np.full((size[1], size[0], 3), i, np.uint8)
        file = root / f"{'malignant' if i % 2 else 'benign'}-c{i}-{i:03d}.png"
        file.write_bytes(imagecodecs.png_encode(pixels))
    return root


def test_the_index_points_at_the_pixels_of_each_image(tmp_path):
    root = put(tmp_path / "root", 4)
    index = build_index(Folder(), root, tmp_path / "cache", workers=2)
    for row in index.frame.itertuples():
        pixels = PixelCache.under(tmp_path / "cache").open(row.pixel_hash)
        assert (pixels == int(row.sample_id[-3:])).all()
        assert (row.box_x, row.box_y, row.box_w, row.box_h) == (0, 0, 8, 6)
        assert (row.width, row.height, row.magnification, row.sequence) == (8, 6, 0, "")


def test_the_index_is_written_under_its_fingerprint(tmp_path):
    index = build_index(Folder(), put(tmp_path / "root", 4), tmp_path / "cache", workers=1)
    assert len(SampleIndex.read(tmp_path / "cache", index.fingerprint)) == 4


def test_moving_the_root_changes_no_fingerprint(tmp_path):
    before = build_index(Folder(), put(tmp_path / "root", 4), tmp_path / "cache", workers=1)
    shutil.move(tmp_path / "root", tmp_path / "moved")
    after = build_index(Folder(), tmp_path / "moved", tmp_path / "other", workers=1)
    assert before.fingerprint == after.fingerprint


def test_another_pixel_changes_the_fingerprint(tmp_path):
    root = put(tmp_path / "root", 4)
    before = build_index(Folder(), root, tmp_path / "cache", workers=1)
    (root / "benign-c0-000.png").write_bytes(imagecodecs.png_encode(np.ones((6, 8, 3), np.uint8)))
    after = build_index(Folder(), root, tmp_path / "cache", workers=1)
    assert before.fingerprint != after.fingerprint


def test_bad_images_raise_one_error_with_the_first_ten_and_the_count(tmp_path):
    root = put(tmp_path / "root", 16)
    bad = sorted(root.iterdir())[:13]
    for file in bad:
        file.write_bytes(b"")
    with pytest.raises(DataError, match="13 images cannot be used") as caught:
        build_index(Folder(), root, tmp_path / "cache", workers=2)
    listed = [file.name for file in bad if file.name in caught.value.message]
    assert listed == [file.name for file in bad[:10]]
    assert "and 3 more" in caught.value.message


def test_a_report_has_the_good_samples_and_every_problem(tmp_path):
    root = put(tmp_path / "root", 5)
    (root / "benign-c0-000.png").write_bytes(b"text")
    report = index_report(Folder(), root, tmp_path / "cache", workers=1)
    assert len(report.index) == 4
    assert [p.path for p in report.decode.problems] == ["benign-c0-000.png"]


def test_a_root_without_one_readable_sample_is_an_error(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(DataError, match="no readable sample"):
        build_index(Folder(), root, tmp_path / "cache", workers=1)


@pytest.mark.parametrize("box", [(0, 0, 9, 6), (-1, 0, 4, 4), (5, 3, 4, 3), (0, 0, 0, 3)])
def test_a_patch_that_leaves_its_image_is_a_problem(tmp_path, box):
    dataset = Folder()
    dataset.box = box
    with pytest.raises(DataError, match=r"leaves the image of 8x6"):
        build_index(dataset, put(tmp_path / "root", 2), tmp_path / "cache", workers=1)


def test_another_size_than_declared_is_fine_as_long_as_the_patches_fit(tmp_path):
    dataset = Folder()
    dataset.image_sizes, dataset.box = ((80, 60),), (0, 0, 8, 6)
    index = build_index(dataset, put(tmp_path / "root", 2), tmp_path / "cache", workers=1)
    assert index.frame[["box_w", "box_h"]].to_numpy().tolist() == [[8, 6], [8, 6]]


def test_a_plugin_without_a_group_it_declares_is_named(tmp_path):
    class Forgetful(Folder):
        group_columns = ("case", "spot")

    with pytest.raises(PluginError, match="no group 'spot'"):
        build_index(Forgetful(), put(tmp_path / "root", 2), tmp_path / "cache", workers=1)
