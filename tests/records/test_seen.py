"""Results that were found whole are not read again, until a file of theirs changes."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from mpcs_bench.records import SeenResults, check_result, stamp_of
from mpcs_bench.records.seen import FILE


@pytest.fixture
def seen(tmp_path, written):
    """The memory of a workspace after its one result was found whole."""
    memory = SeenResults(tmp_path)
    memory.add(written.name, stamp_of(written))
    memory.save()
    return SeenResults(tmp_path)


def test_a_result_is_remembered_by_another_process(seen, written):
    assert seen.is_whole(written.name, stamp_of(written))
    assert not seen.is_whole("other", stamp_of(written))


def _same_size_and_time(path):
    """Change a byte, and set the file's time back: its time of change gives it away."""
    file = path / "metrics.parquet"
    status = file.stat()
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES = {
    "a byte": _same_size_and_time,
    "truncated": lambda path: (path / "weights.safetensors").write_bytes(b"\0" * 63),
    "missing": lambda path: (path / "history.parquet").unlink(),
    "a stranger": lambda path: (path / "notes.txt").write_text("mine"),
    "another manifest": lambda path: (path / "manifest.json").write_text("{"),
    "replaced": lambda path: shutil.move(
        shutil.copy(path / "spec.json", path / ".copy"), path / "spec.json"
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changed_makes_it_unknown(seen, written, change):
    time.sleep(0.02)  # a file system's clock may be coarse
    CHANGES[change](written)

    assert not seen.is_whole(written.name, stamp_of(written))


def test_without_a_manifest_there_is_no_stamp(written):
    (written / "manifest.json").unlink()

    assert stamp_of(written) is None
    assert stamp_of(written.with_name("absent")) is None


def test_the_memory_may_be_damaged_or_gone(seen, written, tmp_path):
    text = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text('["torn", "by a kil' + "\n" + text)
    assert SeenResults(tmp_path).is_whole(written.name, stamp_of(written))

    (tmp_path / FILE).write_bytes(b"\xff\xfe not text")
    assert not SeenResults(tmp_path).is_whole(written.name, stamp_of(written))

    (tmp_path / FILE).unlink()
    assert not SeenResults(tmp_path).is_whole(written.name, stamp_of(written))
    assert check_result(written) == []


def test_what_cannot_be_written_down_is_no_error(tmp_path, written):
    (tmp_path / "cache").write_text("in the way")
    memory = SeenResults(tmp_path)
    memory.add(written.name, stamp_of(written))

    memory.save()

    assert memory.is_whole(written.name, stamp_of(written))


def test_the_memory_does_not_grow_without_end(tmp_path, written):
    (tmp_path / "cache").mkdir(exist_ok=True)
    lines = [f'["{written.name}", "{number}", 1, "s"]\n' for number in range(3000)]
    (tmp_path / FILE).write_text("".join(lines))
    memory = SeenResults(tmp_path)
    assert memory.is_whole(written.name, "2999")

    memory.add(written.name, stamp_of(written))
    memory.save()

    assert len((tmp_path / FILE).read_text().splitlines()) == 1
    assert SeenResults(tmp_path).is_whole(written.name, stamp_of(written))


def test_the_newest_of_the_results_of_one_id_is_known(tmp_path, results, make_spec, make_tables):
    from mpcs_bench.records import write_result

    for number, (key, symbolic) in enumerate([("k1", "a"), ("k2", "a"), ("k3", "b")]):
        path = write_result(results, make_spec(key, symbolic=symbolic), make_tables())
        os.utime(path / "spec.json", ns=(number, number))
    (results / "k4").mkdir()

    memory = SeenResults(tmp_path)
    assert memory.newest(["k3", "k2", "k1", "k4"]) == {"a": "k2", "b": "k3"}
    memory.save()
    (results / "k2" / "spec.json").unlink()
    assert SeenResults(tmp_path).newest(["k1", "k2", "k3"]) == {"a": "k2", "b": "k3"}
