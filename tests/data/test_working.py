"""Working sets: cropped and resized once, in one memory-mapped file, in row order."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.pixels import PixelCache
from mpcs_bench.data.working import working_set
from mpcs_bench.errors import DataError


@pytest.fixture
def pictured(make_index, tmp_path):
    """An index of four 40 x 30 images of noise, and its cache."""
    cache = tmp_path / "cache"
    noise = np.random.default_rng(0).integers(0, 256, (4, 30, 40, 3), dtype=np.uint8)
    hashes = [PixelCache.under(cache).put(image) for image in noise]
    index = make_index([("benign", "A", f"p{i}", f"c{i}") for i in range(4)], hashes=hashes)
    frame = index.frame.assign(width=40, height=30, box_w=40, box_h=30)
    return SampleIndex.of(frame, index.dataset), noise, cache


def boxed(index, box):
    frame = index.frame.assign(**dict(zip(["box_x", "box_y", "box_w", "box_h"], box, strict=True)))
    return SampleIndex.of(frame, index.dataset)


ROWS = np.array([2, 0, 3])


def test_size_null_gives_the_stored_pixels_in_the_order_of_rows(pictured):
    index, noise, cache = pictured
    images = working_set(index, ROWS, None, cache)
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable
    assert np.array_equal(images, noise[ROWS])


@pytest.mark.parametrize(
    ("size", "interpolation"), [((20, 10), cv2.INTER_AREA), ((80, 90), cv2.INTER_LINEAR)]
)
def test_area_shrinks_and_linear_grows(pictured, size, interpolation):
    index, noise, cache = pictured
    expected = [cv2.resize(noise[row], size, interpolation=interpolation) for row in ROWS]
    assert np.array_equal(working_set(index, ROWS, size, cache), np.stack(expected))


def test_an_axis_that_shrinks_is_averaged_though_the_other_grows(pictured):
    index, noise, cache = pictured
    shrunk = [cv2.resize(noise[row], (20, 30), interpolation=cv2.INTER_AREA) for row in ROWS]
    expected = [cv2.resize(image, (20, 60), interpolation=cv2.INTER_LINEAR) for image in shrunk]
    assert np.array_equal(working_set(index, ROWS, (20, 60), cache), np.stack(expected))


def test_a_box_is_cut_from_the_full_image_before_it_is_resized(pictured):
    index, noise, cache = pictured
    images = working_set(boxed(index, (5, 6, 20, 10)), ROWS, (10, 5), cache)
    crops = [cv2.resize(noise[r][6:16, 5:25], (10, 5), interpolation=cv2.INTER_AREA) for r in ROWS]
    assert np.array_equal(images, np.stack(crops))


def test_the_number_of_workers_changes_no_pixel(pictured):
    index, _, cache = pictured
    one = np.array(working_set(index, ROWS, (17, 13), cache, workers=1))
    (file,) = (cache / "working").iterdir()
    file.unlink()
    assert np.array_equal(working_set(index, ROWS, (17, 13), cache, workers=4), one)


def test_a_second_call_reads_the_first_ones_file(pictured):
    index, _, cache = pictured
    working_set(index, ROWS, (17, 13), cache)
    (file,) = (cache / "working").iterdir()
    before = file.stat().st_mtime_ns
    working_set(index, ROWS, (17, 13), cache)
    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize("kept", [0, 50, -1], ids=["empty", "within the header", "truncated"])
def test_a_damaged_file_is_made_anew(pictured, kept):
    index, noise, cache = pictured
    working_set(index, ROWS, None, cache)
    (file,) = (cache / "working").iterdir()
    file.write_bytes(file.read_bytes()[:kept])
    assert np.array_equal(working_set(index, ROWS, None, cache), noise[ROWS])


def test_an_empty_image_in_the_pixel_cache_is_named(pictured):
    index, _, cache = pictured
    spoilt = PixelCache.under(cache).path(index.text("pixel_hash")[2])
    spoilt.write_bytes(b"")
    with pytest.raises(DataError, match=spoilt.name):
        working_set(index, ROWS, (17, 13), cache)


def test_the_file_depends_on_pixels_order_boxes_and_size(pictured):
    index, _, cache = pictured
    working_set(index, ROWS, (17, 13), cache)
    working_set(index, ROWS[::-1], (17, 13), cache)
    working_set(index, ROWS, (13, 17), cache)
    working_set(boxed(index, (0, 0, 39, 30)), ROWS, (17, 13), cache)
    assert len(list((cache / "working").iterdir())) == 4


def test_size_null_with_different_sizes_lists_them(pictured):
    index, _, cache = pictured
    frame = index.frame.copy()
    frame.loc[0, "box_h"] = 26
    mixed = SampleIndex.of(frame, index.dataset)
    with pytest.raises(DataError, match=r"40x30 \(2 images\), 40x26 \(1 images\)"):
        working_set(mixed, ROWS, None, cache)


def test_no_rows_and_no_size_is_an_error(pictured):
    index, _, cache = pictured
    with pytest.raises(DataError, match="there are none"):
        working_set(index, np.array([], dtype=np.int64), None, cache)


def test_a_working_set_larger_than_the_disk_says_what_is_needed_and_free(pictured):
    index, _, cache = pictured
    with pytest.raises(DataError, match=r"30000\.000 GB needed, .* GB free"):
        working_set(index, np.zeros(1000, dtype=np.int64), (100_000, 100_000), cache)
    assert not (cache / "working").exists()


def test_an_image_missing_from_the_cache_is_named_and_nothing_is_left(pictured):
    index, _, cache = pictured
    lost = PixelCache.under(cache).path(index.text("pixel_hash")[2])
    lost.unlink()
    with pytest.raises(DataError, match=lost.name):
        working_set(index, ROWS, (17, 13), cache)
    assert list((cache / "working").iterdir()) == []


def test_two_processes_that_make_the_same_set_at_once_both_get_it(pictured):
    index, noise, cache = pictured
    index.write(cache)
    code = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from mpcs_bench.data.index import SampleIndex\n"
        "from mpcs_bench.data.working import working_set\n"
        "cache = Path(sys.argv[1]); index = SampleIndex.read(cache, sys.argv[2])\n"
        "images = working_set(index, np.array([2, 0, 3]), None, cache, workers=2)\n"
        "print(int(images.sum(dtype=np.int64)))"
    )
    command = [sys.executable, "-c", code, str(cache), index.fingerprint]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    sums = [int(process.communicate()[0]) for process in running]
    assert sums == [int(noise[ROWS].sum(dtype=np.int64))] * 2
    assert len(list((cache / "working").iterdir())) == 1
