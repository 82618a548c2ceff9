"""Every image is decoded exactly once, whatever happens in between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest

from mpcs_bench.data import decode_once
from mpcs_bench.data.decode_once import FLUSH_FILES, decode_all
from mpcs_bench.data.pixels import PixelCache

imagecodecs = pytest.importorskip("imagecodecs")


@pytest.fixture
def root(tmp_path):
    return make(tmp_path / "root", 12)


def make(root, count):
    root.mkdir()
    for i in range(count):
        pixels = np.full((6, 8, 3), i % 256, np.uint8)
        pixels[0, 0] = [i >> 16, i >> 8 & 255, i & 255]
        (root / f"{i:05d}.png").write_bytes(imagecodecs.png_encode(pixels))
    return root


def paths(root):
    return sorted(file.name for file in root.iterdir())


def counts(report):
    return (report.decoded, report.reused, len(report.problems))


def test_a_second_run_decodes_nothing(root, tmp_path):
    first, report = decode_all(root, paths(root), tmp_path / "cache", workers=2)
    assert counts(report) == (12, 0, 0)
    second, report = decode_all(root, paths(root), tmp_path / "cache", workers=2)
    assert counts(report) == (0, 12, 0)
    assert first == second


def test_a_path_asked_for_twice_is_decoded_once(root, tmp_path):
    _, report = decode_all(root, paths(root) * 3, tmp_path / "cache", workers=2)
    assert counts(report) == (12, 0, 0)


def test_a_file_that_was_replaced_is_decoded_again_and_alone(root, tmp_path):
    decode_all(root, paths(root), tmp_path / "cache", workers=1)
    (root / "00003.png").write_bytes(imagecodecs.png_encode(np.full((6, 8, 3), 99, np.uint8)))
    found, report = decode_all(root, paths(root), tmp_path / "cache", workers=1)
    assert counts(report) == (1, 11, 0)
    assert (PixelCache.under(tmp_path / "cache").open(found["00003.png"].pixel_hash) == 99).all()


def test_a_file_with_another_time_but_the_same_pixels_keeps_its_hash(root, tmp_path):
    before, _ = decode_all(root, paths(root), tmp_path / "cache", workers=1)
    os.utime(root / "00003.png", ns=(1, 1))
    after, report = decode_all(root, paths(root), tmp_path / "cache", workers=1)
    assert counts(report) == (1, 11, 0)
    assert before == after


def test_pixels_that_vanished_from_the_cache_are_made_again(root, tmp_path):
    found, _ = decode_all(root, paths(root), tmp_path / "cache", workers=1)
    PixelCache.under(tmp_path / "cache").path(found["00005.png"].pixel_hash).unlink()
    _, report = decode_all(root, paths(root), tmp_path / "cache", workers=1)
    assert counts(report) == (1, 11, 0)


def test_problems_are_collected_and_the_rest_is_decoded(root, tmp_path):
    (root / "00002.png").write_bytes(b"")
    (root / "00007.png").write_bytes(b"nonsense")
    asked = [*paths(root), "gone.png"]
    found, report = decode_all(root, asked, tmp_path / "cache", workers=2)
    assert counts(report) == (10, 0, 3)
    assert [p.path for p in report.problems] == ["00002.png", "00007.png", "gone.png"]
    assert len(found) == 10


def test_an_interrupt_loses_only_what_was_in_flight(tmp_path):
    root = make(tmp_path / "root", 3 * FLUSH_FILES)
    seen = []

    def interrupt(done, total):
        seen.append(done)
        if done == FLUSH_FILES + 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode_all(root, paths(root), tmp_path / "cache", workers=2, progress=interrupt)
    _, report = decode_all(root, paths(root), tmp_path / "cache", workers=2)
    assert report.reused >= max(seen)
    assert report.decoded + report.reused == 3 * FLUSH_FILES


def test_a_line_torn_by_a_crash_costs_that_file_and_no_other(root, tmp_path):
    decode_all(root, paths(root), tmp_path / "cache", workers=1)
    (log,) = (tmp_path / "cache" / "pixels").glob("seen-*.jsonl")
    log.write_bytes(log.read_bytes().rstrip()[:-7])
    _, report = decode_all(root, paths(root), tmp_path / "cache", workers=1)
    assert counts(report) == (1, 11, 0)
    _, report = decode_all(root, paths(root), tmp_path / "cache", workers=1)
    assert counts(report) == (0, 12, 0)


def test_what_another_decoder_made_is_decoded_again_and_each_finds_its_own(
    root, tmp_path, monkeypatch
):
    before, _ = decode_all(root, paths(root), tmp_path / "cache", workers=1)
    now = decode_once.imagecodecs.__version__
    monkeypatch.setattr(decode_once.imagecodecs, "__version__", "1999.1.1")
    after, report = decode_all(root, paths(root), tmp_path / "cache", workers=1)
    assert counts(report) == (12, 0, 0)
    assert before == after
    monkeypatch.setattr(decode_once.imagecodecs, "__version__", now)
    _, report = decode_all(root, paths(root), tmp_path / "cache", workers=1)
    assert counts(report) == (0, 12, 0)


def test_the_log_says_what_decoded_each_image(root, tmp_path):
    decode_all(root, paths(root), tmp_path / "cache", workers=1)
    (log,) = (tmp_path / "cache" / "pixels").glob("seen-*.jsonl")
    said = {json.loads(line)[-1] for line in log.read_text().splitlines() if line}
    assert said == {decode_once.decoders()}
    for package in ("imagecodecs", "pillow"):
        assert version(package) in decode_once.decoders()


def test_a_line_that_does_not_say_what_decoded_it_counts_for_nothing(root, tmp_path):
    decode_all(root, paths(root), tmp_path / "cache", workers=1)
    (log,) = (tmp_path / "cache" / "pixels").glob("seen-*.jsonl")
    lines = [json.loads(line)[:-1] for line in log.read_text().splitlines() if line]
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert counts(decode_all(root, paths(root), tmp_path / "cache", 1)[1]) == (12, 0, 0)


def test_progress_ends_at_the_total(root, tmp_path):
    seen = []
    decode_all(
        root,
        paths(root),
        tmp_path / "cache",
        2,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (12, 12)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_two_processes_that_decode_one_root_leave_one_good_cache(root, tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from mpcs_bench.data.decode_once import decode_all\n"
        "root = Path(sys.argv[1]); names = sorted(f.name for f in root.iterdir())\n"
        "found, _ = decode_all(root, names, Path(sys.argv[2]), workers=2)\n"
        "import json; print(json.dumps({k: v.pixel_hash for k, v in found.items()}))"
    )
    command = [sys.executable, "-c", code, str(root), str(tmp_path / "cache")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    results = [json.loads(process.communicate()[0]) for process in running]
    assert results[0] == results[1]
    assert counts(decode_all(root, paths(root), tmp_path / "cache", 1)[1]) == (0, 12, 0)
    assert not list((tmp_path / "cache").rglob("*.tmp"))
