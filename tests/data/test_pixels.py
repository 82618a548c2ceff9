"""The pixel cache: content-addressed, whole or absent, memory-mapped."""

from __future__ import annotations

import errno
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mpcs_bench.data.atomic import appearing
from mpcs_bench.data.pixels import PixelCache, pixel_hash
from mpcs_bench.errors import DataError

IMAGES = arrays.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3)))


@given(IMAGES, IMAGES)
def test_hashes_are_equal_only_for_equal_shape_and_pixels(a, b):
    assert (pixel_hash(a) == pixel_hash(b)) == (a.shape == b.shape and np.array_equal(a, b))


def test_the_same_bytes_in_another_shape_hash_differently():
    pixels = np.zeros((2, 6, 3), np.uint8)
    assert pixel_hash(pixels) != pixel_hash(pixels.reshape(3, 4, 3))


def test_an_image_comes_back_memory_mapped_and_read_only(tmp_path):
    cache = PixelCache.under(tmp_path)
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    key = cache.put(pixels)
    back = cache.open(key)
    assert isinstance(back, np.memmap)
    assert np.array_equal(back, pixels)
    assert not back.flags.writeable
    assert cache.path(key) == tmp_path / "pixels" / key[:2] / f"{key}.npy"
    assert len(key) == hashlib.sha256().digest_size * 2


def test_a_file_that_was_cut_short_is_not_held_and_is_written_again(tmp_path):
    cache = PixelCache.under(tmp_path)
    pixels = np.ones((4, 5, 3), np.uint8)
    key = cache.put(pixels)
    cache.path(key).write_bytes(cache.path(key).read_bytes()[:-1])
    assert not cache.holds(key, width=5, height=4)
    cache.put(pixels)
    assert cache.holds(key, width=5, height=4)


def test_a_missing_image_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(DataError, match="ab" * 32):
        PixelCache.under(tmp_path).open("ab" * 32)


def test_a_full_disk_is_an_error_with_the_sizes_and_leaves_nothing(tmp_path):
    target = tmp_path / "new" / "file.npy"
    with (
        pytest.raises(DataError, match=r"2\.000 GB needed, .* GB free"),
        appearing(target, 2_000_000_000) as temporary,
    ):
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(target.parent.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match="Cannot write"),
        appearing(tmp_path / "file" / "x.npy", 1),
    ):
        pass
