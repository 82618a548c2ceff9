"""Patches: inside the image, over all of it or side by side, and as many as the papers count."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mpcs_bench.registry.dataset import Sample
from mpcs_paper.datasets.image_files import stored_size
from mpcs_paper.datasets.patches import Cut, scan_patched

lengths = st.integers(1, 400)
patches = st.integers(1, 120)
overlaps = st.floats(0.0, 0.9)


@pytest.mark.parametrize(
    ("size", "cut", "count"),
    [
        pytest.param((2048, 1536), Cut(512, 0.5), 35, id="BACH, half overlapping"),
        pytest.param((2048, 1536), Cut(512), 12, id="BACH, side by side"),
        pytest.param((1536, 1536), Cut(512), 9, id="BACH cropped"),
        pytest.param((896, 768), Cut(224), 16, id="UCSB, last row shifted"),
        pytest.param((896, 768), Cut(224, layout="floor"), 12, id="UCSB, rest left out"),
        pytest.param((512, 512), Cut(512), 1, id="an image of one patch"),
        pytest.param((511, 2000), Cut(512), 0, id="an image too narrow"),
        pytest.param((700, 460), Cut(None), 1, id="whole images"),
    ],
)
def test_patches_are_counted(size: tuple[int, int], cut: Cut, count: int) -> None:
    boxes = cut.boxes(*size)
    assert len(boxes) == len(set(boxes)) == count


@given(width=lengths, height=lengths, patch=patches, overlap=overlaps)
@pytest.mark.parametrize("layout", ["shifted", "floor"])
def test_every_patch_lies_inside(layout, width, height, patch, overlap) -> None:
    for x, y, w, h in Cut(patch, overlap, layout).boxes(width, height):
        assert (w, h) == (patch, patch)
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height


def covered(boxes: list[tuple[int, int, int, int]], width: int, height: int) -> np.ndarray:
    area = np.zeros((height, width), dtype=int)
    for x, y, w, h in boxes:
        area[y : y + h, x : x + w] += 1
    return area


@given(
    patch=st.integers(4, 40),
    more=st.tuples(st.integers(0, 90), st.integers(0, 90)),
    overlap=st.floats(0.0, 0.75),
)
def test_shifted_patches_cover_every_pixel(patch, more, overlap) -> None:
    width, height = patch + more[0], patch + more[1]
    assert covered(Cut(patch, overlap).boxes(width, height), width, height).min() >= 1


@given(width=lengths, height=lengths, patch=st.integers(4, 120))
def test_floor_patches_without_overlap_share_no_pixel(width, height, patch) -> None:
    boxes = Cut(patch, layout="floor").boxes(width, height)
    assert covered(boxes, width, height).max() <= 1


@given(length=lengths, patch=patches, step=st.integers(1, 120))
def test_the_count_along_a_side_follows_from_length_patch_and_step(length, patch, step) -> None:
    step = max(min(step, patch), math.ceil(patch / 10))
    overlap = 1 - step / patch
    rest = (length - patch) / step
    expected = {"shifted": math.ceil(rest) + 1, "floor": math.floor(rest) + 1}
    for layout, count in expected.items():
        starts = Cut(patch, overlap, layout).starts(length)
        assert len(starts) == (count if length >= patch else 0)
        assert starts == sorted(set(starts))


def write(file: Path, width: int, height: int) -> Path:
    Image.new("RGB", (width, height)).save(file)
    return file


def whole(file: Path) -> Sample | str:
    """Read names like `a.png`; anything longer is no image of this data set."""
    if len(file.stem) > 1:
        return "too long a name"
    name = file.stem
    return Sample(name, file.name, "benign", "benign", name, {"image": name}, image_id=name)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".bmp"])
def test_the_size_is_read_from_the_header_alone(tmp_path: Path, suffix: str) -> None:
    file = write(tmp_path / f"a{suffix}", 90, 60)
    assert stored_size(file) == (90, 60)


def test_pixels_are_not_needed_for_the_size(tmp_path: Path) -> None:
    file = write(tmp_path / "a.png", 300, 200)
    file.write_bytes(file.read_bytes()[:60])
    assert stored_size(file) == (300, 200)


def test_each_image_is_cut_by_its_own_size(tmp_path: Path) -> None:
    files = [write(tmp_path / "a.png", 64, 32), write(tmp_path / "b.png", 40, 32)]
    scan = scan_patched(files, whole, tmp_path, Cut(32))
    assert [(s.sample_id, s.patch_index, s.box) for s in scan.samples] == [
        ("a/00", 0, (0, 0, 32, 32)),
        ("a/01", 1, (32, 0, 32, 32)),
        ("b/00", 0, (0, 0, 32, 32)),
        ("b/01", 1, (8, 0, 32, 32)),
    ]
    assert {s.image_id for s in scan.samples} == {"a", "b"}


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n\0\0"])
def test_an_unreadable_header_leaves_the_file_whole_for_decoding_to_report(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "a.png").write_bytes(content)
    (sample,) = scan_patched([tmp_path / "a.png"], whole, tmp_path, Cut(32)).samples
    assert (sample.sample_id, sample.box) == ("a", None)


def test_what_cannot_be_cut_is_rejected_with_the_reason(tmp_path: Path) -> None:
    names = ["a.png", "b.png", "b.tif", "cc.png"]
    files = [write(tmp_path / name, 31 if name == "a.png" else 40, 40) for name in names]
    scan = scan_patched(files, whole, tmp_path, Cut(32))
    assert {s.image_id for s in scan.samples} == {"b"}
    assert [(r.path, r.reason) for r in scan.rejected] == [
        ("a.png", "31x40 pixels, smaller than a patch of 32x32"),
        ("b.tif", "the same image name as b.png"),
        ("cc.png", "too long a name"),
    ]


def test_whole_images_need_no_header(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"never opened")
    (sample,) = scan_patched([tmp_path / "a.png"], whole, tmp_path, Cut(None)).samples
    assert (sample.sample_id, sample.box) == ("a", None)
