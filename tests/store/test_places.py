"""Full disks and folders that cannot be written: said as they are, and nothing is touched."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mpcs_bench.errors import StoreError
from mpcs_bench.records import StageState, write_state
from mpcs_bench.store import Store, rebuild

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MiB: one database, and not a second one beside it."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this process may not mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def small(small_disk, make_workspace):
    """A workspace with one committed result on the small disk."""
    workspace = make_workspace(small_disk / "workspace")
    workspace.store.commit(
        plans=[workspace.plan(workspace.cell(0, 0))], results=[workspace.result(0)]
    )
    return workspace


def fill(folder: Path) -> Path:
    """Leave no byte free."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (MIB, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    assert shutil.disk_usage(folder).free < 4096
    return ballast


def test_a_commit_on_a_full_disk_says_so_and_works_when_there_is_room(small):
    digest = small.store.digest()
    results = [small.result(fold, images=200) for fold in range(1, 4)]
    ballast = fill(small.path)
    notes = []

    with pytest.raises(StoreError, match=r"No space left|Could not write") as caught:
        Store(small.path, note=notes.append).commit(results=results)

    assert "Nothing is lost" in caught.value.hint
    assert notes == []
    assert not list(small.path.glob("*damaged*"))
    ballast.unlink()
    assert small.store.digest() == digest
    assert len(small.store.commit(results=results).added) == 3


def test_a_rebuild_on_a_full_disk_leaves_the_old_database(small):
    digest, before = small.store.digest(), small.store.path.read_bytes()
    ballast = fill(small.path)

    with pytest.raises(StoreError):
        rebuild(small.path)

    assert small.store.path.read_bytes() == before
    assert not list(small.path.glob(".tmp-*"))
    ballast.unlink()
    assert small.store.digest() == digest


def test_a_state_on_a_full_disk_leaves_the_former_one(small):
    write_state(small.path, StageState("k1", "s", "running"))
    before = (small.path / "states" / "k1.json").read_bytes()
    fill(small.path)

    with pytest.raises(StoreError, match="No space left"):
        write_state(small.path, StageState("k1", "s", "failed", error="x" * 100_000))
    assert (small.path / "states" / "k1.json").read_bytes() == before


def test_a_damaged_database_on_a_full_disk_is_kept_and_mended_later(small):
    digest = small.store.digest()
    small.store.path.write_bytes(b"rot" * 1000)
    ballast = fill(small.path)

    with pytest.raises(StoreError, match="Free space"):
        small.store.digest()

    assert small.store.path.read_bytes() == b"rot" * 1000
    ballast.unlink()
    assert small.store.digest() == digest
    (aside,) = small.path.glob("bench.duckdb.damaged-*")
    assert aside.read_bytes() == b"rot" * 1000


@pytest.fixture
def read_only(small, small_disk):
    """The same, mounted read-only."""
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    return small


def test_a_workspace_that_cannot_be_written_can_be_read(read_only):
    assert read_only.store.query("SELECT count(*) FROM cells")[1] == [(1,)]
    assert read_only.store.uncommitted() == []


def test_a_commit_that_cannot_be_written_says_so(read_only):
    with pytest.raises(StoreError, match="Read-only file system") as caught:
        read_only.store.commit(states=[StageState("k1", "s", "failed")])
    assert "writable" in caught.value.hint


def test_a_damaged_database_that_cannot_be_renamed_stays(small, small_disk):
    small.store.path.write_bytes(b"rot" * 1000)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    with pytest.raises(StoreError, match="Read-only file system"):
        small.store.digest()
    assert small.store.path.read_bytes() == b"rot" * 1000
