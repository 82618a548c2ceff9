"""Working frames: stored images resized once, in one memory-mapped file; samples are crops."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.pixels import PixelCache
from mpcs_bench.data.working import resize, working_frames
from mpcs_bench.errors import DataError

WIDTH, HEIGHT = 40, 30


@pytest.fixture
def pictured(make_index, tmp_path):
    """An index of four whole images of noise, 40 x 30, and its cache."""
    cache = tmp_path / "cache"
    noise = np.random.default_rng(0).integers(0, 256, (4, HEIGHT, WIDTH, 3), dtype=np.uint8)
    return index_of(make_index, cache, noise), noise, cache


def index_of(make_index, cache, images, rows=None):
    """An index of `images`, whole, or of `rows` of (image, box)."""
    whole = [(i, (0, 0, image.shape[1], image.shape[0])) for i, image in enumerate(images)]
    rows = whole if rows is None else rows
    hashes = [PixelCache.under(cache).put(image) for image in images]
    index = make_index(
        [("benign", "A", f"p{i}", f"c{i}") for i, _ in rows], hashes=[hashes[i] for i, _ in rows]
    )
    boxes = np.array([box for _, box in rows])
    columns = {f"box_{side}": boxes[:, k] for k, side in enumerate("xywh")}
    sizes = {
        "width": [images[i].shape[1] for i, _ in rows],
        "height": [images[i].shape[0] for i, _ in rows],
    }
    return SampleIndex.of(index.frame.assign(**columns, **sizes), index.dataset)


def boxed(index, box):
    frame = index.frame.assign(**dict(zip(["box_x", "box_y", "box_w", "box_h"], box, strict=True)))
    return SampleIndex.of(frame, index.dataset)


def pixels_of(index, size, cache, workers=1):
    frames = working_frames(index, size, cache, workers)
    return frames.images(np.arange(len(frames)))


def cut(image, box):
    x, y, w, h = box
    return image[y : y + h, x : x + w]


# Whole images


def test_size_null_gives_the_stored_pixels_in_the_order_of_the_index(pictured):
    index, noise, cache = pictured
    frames = working_frames(index, None, cache)
    assert (len(frames), frames.size, frames.nbytes) == (4, (40, 30), noise.nbytes)
    assert frames.whole
    assert np.array_equal(frames.images(np.array([2, 0, 2])), noise[[2, 0, 2]])


def test_a_sample_is_a_view_of_the_file_and_cannot_be_written(pictured):
    index, _, cache = pictured
    frames = working_frames(boxed(index, (5, 6, 20, 10)), (10, 5), cache)
    image = frames.image(1)
    assert np.shares_memory(image, frames.pixels)
    assert not image.flags.writeable


@pytest.mark.parametrize(
    ("size", "interpolation"), [((20, 10), cv2.INTER_AREA), ((80, 90), cv2.INTER_LINEAR)]
)
def test_area_shrinks_and_linear_grows(pictured, size, interpolation):
    index, noise, cache = pictured
    expected = [cv2.resize(image, size, interpolation=interpolation) for image in noise]
    assert np.array_equal(pixels_of(index, size, cache), np.stack(expected))


def test_an_axis_that_shrinks_is_averaged_though_the_other_grows(pictured):
    index, noise, cache = pictured
    shrunk = [cv2.resize(image, (20, 30), interpolation=cv2.INTER_AREA) for image in noise]
    expected = [cv2.resize(image, (20, 60), interpolation=cv2.INTER_LINEAR) for image in shrunk]
    assert np.array_equal(pixels_of(index, (20, 60), cache), np.stack(expected))


def test_whole_images_of_several_sizes_become_one(make_index, tmp_path):
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in ((30, 40), (17, 90))]
    index = index_of(make_index, tmp_path, images)
    expected = [resize(image, (32, 24)) for image in images]
    assert np.array_equal(pixels_of(index, (32, 24), tmp_path), np.stack(expected))


# Patches


PATCHES = [(0, 0, 20, 20), (10, 0, 20, 20), (20, 0, 20, 20), (0, 10, 20, 20), (20, 10, 20, 20)]


def test_overlapping_patches_share_one_frame_of_stored_pixels(make_index, tmp_path, pictured):
    _, noise, _ = pictured
    rows = [(i, box) for i in range(4) for box in PATCHES]
    frames = working_frames(index_of(make_index, tmp_path, noise, rows), None, tmp_path)
    assert frames.nbytes == noise.nbytes
    assert not frames.whole
    expected = np.stack([cut(noise[i], box) for i, box in rows])
    assert np.array_equal(frames.images(np.arange(len(rows))), expected)
    assert all(np.array_equal(frames.image(i), expected[i]) for i in range(len(rows)))


def test_patches_on_the_grid_of_the_smaller_scale_are_as_if_cut_first(
    make_index, tmp_path, pictured
):
    _, noise, _ = pictured
    rows = [(i, box) for i in range(4) for box in PATCHES]
    frames = working_frames(index_of(make_index, tmp_path, noise, rows), (10, 10), tmp_path)
    assert frames.nbytes == noise.nbytes / 4
    expected = np.stack([resize(cut(noise[i], box), (10, 10)) for i, box in rows])
    assert np.array_equal(frames.images(np.arange(len(rows))), expected)


def test_enlarged_patches_differ_from_cutting_first_at_their_border_only(
    make_index, tmp_path, pictured
):
    _, noise, _ = pictured
    rows = [(0, box) for box in PATCHES]
    made = pixels_of(index_of(make_index, tmp_path, noise[:1], rows), (60, 60), tmp_path)
    expected = np.stack([resize(cut(noise[0], box), (60, 60)) for _, box in rows])
    assert not np.array_equal(made, expected)
    inside = slice(2, -2)  # three pixels for one: linear interpolation reaches one and a half
    assert np.array_equal(made[:, inside, inside], expected[:, inside, inside])


def test_a_single_box_is_cut_and_then_resized(pictured):
    index, noise, cache = pictured
    box = (5, 6, 20, 10)
    frames = working_frames(boxed(index, box), (13, 7), cache)
    expected = np.stack([resize(cut(image, box), (13, 7)) for image in noise])
    assert frames.nbytes == expected.nbytes
    assert np.array_equal(frames.images(np.arange(4)), expected)


def test_boxes_of_two_sizes_in_one_image_have_a_frame_each(make_index, tmp_path, pictured):
    _, noise, _ = pictured
    rows = [(0, (0, 0, 40, 30)), (0, (3, 4, 16, 12)), (1, (0, 0, 20, 15))]
    expected = np.stack([resize(cut(noise[i], box), (8, 6)) for i, box in rows])
    assert np.array_equal(
        pixels_of(index_of(make_index, tmp_path, noise, rows), (8, 6), tmp_path), expected
    )


@st.composite
def patched(draw):
    """Width and height of an image, a box size, corners of boxes and the size they are to have."""
    width, height = draw(st.integers(8, 200)), draw(st.integers(8, 200))
    w, h = draw(st.integers(4, width)), draw(st.integers(4, height))
    corner = st.tuples(st.integers(0, width - w), st.integers(0, height - h))
    corners = draw(st.lists(corner, min_size=1, max_size=5))
    size = draw(st.tuples(st.integers(2, 60), st.integers(2, 60)))
    return width, height, [(x, y, w, h) for x, y in corners], size


@settings(max_examples=60)
@given(patched())
def test_any_patch_lies_within_a_pixel_of_where_cutting_first_puts_it(make_index, case):
    width, height, boxes, (w, h) = case
    x, y = np.arange(width), np.arange(height)
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[..., 0], image[..., 1] = x, y[:, None]  # a pixel says where it was
    with tempfile.TemporaryDirectory() as folder:
        index = index_of(make_index, Path(folder), [image], [(0, box) for box in boxes])
        made = pixels_of(index, (w, h), Path(folder)).astype(float)
    for crop, (left, top, box_w, box_h) in zip(made, boxes, strict=True):
        for axis, (corner, box, size, end) in enumerate(
            [(left, box_w, w, width), (top, box_h, h, height)]
        ):
            ideal = corner + (np.arange(size) + 0.5) * box / size - 0.5
            values = crop[..., axis] if axis == 0 else crop[..., axis].T
            # a working pixel in stored pixels, and a grey level for each of two roundings;
            # a resize keeps a ramp but for half a pixel at its ends
            reach = box / size + 1.5
            assert (np.abs(values - np.clip(ideal, 0, end - 1)) <= reach).all()


# The file


def test_the_number_of_workers_changes_no_pixel(pictured):
    index, _, cache = pictured
    one = pixels_of(index, (17, 13), cache, workers=1)
    (file,) = (cache / "working").iterdir()
    file.unlink()
    assert np.array_equal(pixels_of(index, (17, 13), cache, workers=4), one)


def test_a_second_call_reads_the_first_ones_file(pictured):
    index, _, cache = pictured
    working_frames(index, (17, 13), cache)
    (file,) = (cache / "working").iterdir()
    before = file.stat().st_mtime_ns
    working_frames(index, (17, 13), cache)
    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize("kept", [0, 50, -1], ids=["empty", "within the header", "truncated"])
def test_a_damaged_file_is_made_anew(pictured, kept):
    index, noise, cache = pictured
    working_frames(index, None, cache)
    (file,) = (cache / "working").iterdir()
    file.write_bytes(file.read_bytes()[:kept])
    assert np.array_equal(pixels_of(index, None, cache), noise)


def test_an_empty_image_in_the_pixel_cache_is_named(pictured):
    index, _, cache = pictured
    spoilt = PixelCache.under(cache).path(index.text("pixel_hash")[2])
    spoilt.write_bytes(b"")
    with pytest.raises(DataError, match=spoilt.name):
        working_frames(index, (17, 13), cache)


def test_the_file_depends_on_pixels_order_regions_and_size(make_index, pictured):
    index, noise, cache = pictured
    working_frames(index, (17, 13), cache)
    working_frames(index_of(make_index, cache, noise[::-1]), (17, 13), cache)
    working_frames(index_of(make_index, cache, noise[:3]), (17, 13), cache)
    working_frames(index, (13, 17), cache)
    working_frames(boxed(index, (0, 0, 39, 30)), (17, 13), cache)
    assert len(list((cache / "working").iterdir())) == 5


def test_another_opencv_makes_a_file_of_its_own(pictured, monkeypatch):
    index, _, cache = pictured
    working_frames(index, (17, 13), cache)
    monkeypatch.setattr(cv2, "__version__", "99.0.0")
    working_frames(index, (17, 13), cache)
    assert len(list((cache / "working").iterdir())) == 2


def test_layouts_of_patches_that_cover_the_same_share_a_file(make_index, pictured):
    _, noise, cache = pictured
    apart = [(0, (x, y, 20, 15)) for y in (0, 15) for x in (0, 20)]
    overlapping = [(0, (x, y, 20, 15)) for y in (0, 7, 15) for x in (0, 10, 20)]
    for rows in (apart, overlapping):
        working_frames(index_of(make_index, cache, noise, rows), (10, 8), cache)
    assert len(list((cache / "working").iterdir())) == 1


# What goes wrong


def test_size_null_with_different_sizes_lists_them(pictured):
    index, _, cache = pictured
    frame = index.frame.copy()
    frame.loc[0, "box_h"] = 26
    mixed = SampleIndex.of(frame, index.dataset)
    with pytest.raises(DataError, match=r"40x30 \(3 images\), 40x26 \(1 images\)"):
        working_frames(mixed, None, cache)


@pytest.mark.parametrize("size", [None, (8, 6)])
def test_an_index_without_samples_is_an_error(make_index, tmp_path, size):
    empty = make_index([("benign", "A", "p", "c")])
    with pytest.raises(DataError, match="'made' has no samples"):
        working_frames(SampleIndex.of(empty.frame[:0], empty.dataset), size, tmp_path)


def test_frames_larger_than_the_disk_say_what_is_needed_and_free(pictured):
    index, _, cache = pictured
    with pytest.raises(DataError, match=r"120000\.000 GB needed, .* GB free"):
        working_frames(index, (100_000, 100_000_000), cache)
    assert not (cache / "working").exists()


def test_an_image_missing_from_the_cache_is_named_and_nothing_is_left(pictured):
    index, _, cache = pictured
    lost = PixelCache.under(cache).path(index.text("pixel_hash")[2])
    lost.unlink()
    with pytest.raises(DataError, match=lost.name):
        working_frames(index, (17, 13), cache)
    assert list((cache / "working").iterdir()) == []


def test_two_processes_that_make_the_same_frames_at_once_both_get_them(pictured):
    index, noise, cache = pictured
    index.write(cache)
    code = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from mpcs_bench.data.index import SampleIndex\n"
        "from mpcs_bench.data.working import working_frames\n"
        "cache = Path(sys.argv[1]); index = SampleIndex.read(cache, sys.argv[2])\n"
        "frames = working_frames(index, None, cache, workers=2)\n"
        "print(int(frames.images(np.arange(4)).sum(dtype=np.int64)))"
    )
    command = [sys.executable, "-c", code, str(cache), index.fingerprint]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    sums = [int(process.communicate()[0]) for process in running]
    assert sums == [int(noise.sum(dtype=np.int64))] * 2
    assert len(list((cache / "working").iterdir())) == 1
