"""The real images: 124 of BreakHis, all 58 of UCSB."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mpcs_bench.data.index_build import build_index, index_report
from mpcs_bench.data.leakage_audit import audit_split
from mpcs_bench.data.pixels import PixelCache
from mpcs_bench.data.splits_make import make_split
from mpcs_bench.data.verify import verify
from mpcs_bench.data.working import working_frames
from mpcs_bench.protocol.schema import Split
from mpcs_paper.datasets.breakhis import BreakHis
from mpcs_paper.datasets.ucsb import UCSB, UCSBParams


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def breakhis(shared_data, cache):
    return index_report(BreakHis(), shared_data / "breakhis", cache, workers=2)


@pytest.fixture(scope="module")
def ucsb(shared_data, cache):
    return index_report(UCSB(), shared_data / "ucsb", cache, workers=2)


def test_every_breakhis_image_is_decoded_exactly_once(breakhis, shared_data, cache):
    again = index_report(BreakHis(), shared_data / "breakhis", cache, workers=2)
    verified = verify(BreakHis(), shared_data / "breakhis", cache)
    reports = [breakhis.decode, again.decode, verified.decode]
    assert [(r.decoded, r.reused) for r in reports] == [(124, 0), (0, 124), (0, 124)]
    assert breakhis.index.fingerprint == again.index.fingerprint == verified.fingerprint


def test_breakhis_has_two_sizes_and_the_defect_of_13412(breakhis, shared_data, cache):
    report = verify(BreakHis(), shared_data / "breakhis", cache)
    assert (report.sizes, report.undeclared_sizes) == ({"700x460": 121, "700x456": 3}, ())
    assert all(defect.found for defect in report.known_defects)
    assert report.identical == (("SOB_M_DC-14-13412-100-003", "SOB_M_LC-14-13412-100-003"),)
    assert report.counts["patients"] == 38


def test_cached_pixels_are_those_that_pillow_reads(breakhis, ucsb, shared_data, cache):
    for root, index in (("breakhis", breakhis.index), ("ucsb", ucsb.index)):
        for row in index.frame.drop_duplicates("path").iloc[::20].itertuples():
            with Image.open(shared_data / root / row.path) as image:
                assert np.array_equal(PixelCache.under(cache).open(row.pixel_hash), image)


def test_breakhis_at_working_size(breakhis, cache):
    index = breakhis.index
    images = working_frames(index, (341, 341), cache, workers=2).images(np.arange(len(index)))
    assert images.shape == (124, 341, 341, 3)
    means = [PixelCache.under(cache).open(key).mean() for key in index.text("pixel_hash")]
    assert np.allclose(images.mean(axis=(1, 2, 3)), means, atol=0.5)


def test_ucsb_is_as_declared(ucsb, shared_data, cache):
    report = verify(UCSB(), shared_data / "ucsb", cache)
    assert report.ok
    assert (ucsb.decode.decoded, report.counts["samples"]) == (58, 928)
    assert (report.counts["benign"], report.counts["malignant"]) == (32, 26)


def test_ucsb_patches_are_cut_from_their_images(ucsb, cache):
    index = ucsb.index
    frames = working_frames(index, None, cache, workers=2)
    assert (len(frames), frames.size, frames.nbytes) == (928, (224, 224), 58 * 896 * 768 * 3)
    for row in range(0, 928, 97):
        sample = index.frame.iloc[row]
        image = PixelCache.under(cache).open(sample["pixel_hash"])
        x, y = sample["box_x"], sample["box_y"]
        assert np.array_equal(frames.image(row), image[y : y + 224, x : x + 224])


def test_ucsb_layouts_have_different_fingerprints(ucsb, shared_data, cache):
    floor = build_index(UCSB(UCSBParams(layout="floor")), shared_data / "ucsb", cache, workers=1)
    whole = build_index(UCSB(UCSBParams(patch=None)), shared_data / "ucsb", cache, workers=1)
    assert (len(floor), len(whole)) == (696, 58)
    assert len({ucsb.index.fingerprint, floor.fingerprint, whole.fingerprint}) == 3


def test_ucsb_splits_keep_images_whole_and_say_that_spots_are_not(ucsb, shared_data):
    split = make_split(ucsb.index, Split(), UCSB(), shared_data / "ucsb", 0)
    findings = audit_split(ucsb.index, split)
    assert {(f.rule, f.severity, f.column) for f in findings} == {
        ("group-overlap", "notice", "spot")
    }
