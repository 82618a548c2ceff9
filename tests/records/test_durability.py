"""Power loss: no name of a result, state, plan or database appears before its bytes are synced.

Every fsync, rename and link of this process is recorded, and carried out. At each rename the bytes
and names that appear with it must have been synced as they are now; after it its folder must be.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mpcs_bench.records import StageState, write_result, write_state
from mpcs_bench.records.atomic_write import atomic_write, fsync_file, fsync_folder
from mpcs_bench.records.plan import PlannedCell, PlanRecord, write_plan
from mpcs_bench.store import rebuild

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="no /proc: what a descriptor is of cannot be told"
)


def identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def content(path: Path) -> tuple[object, ...]:
    """What a sync makes durable: a folder's names, or a file's bytes as they were written last."""
    if path.is_dir():
        return tuple(sorted(child.name for child in path.iterdir()))
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@dataclass
class Disk:
    """What has been synced, and which names have appeared."""

    synced: dict[tuple[int, int], tuple[object, ...]] = field(default_factory=dict)
    appeared: list[Path] = field(default_factory=list)
    unsynced: list[Path] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def sync(self, path: Path) -> None:
        self.synced[identity(path)] = content(path)
        self.unsynced = [name for name in self.unsynced if name.parent.resolve() != path]

    def check(self, source: Path, target: Path) -> None:
        """Hold what is about to appear as `target` to what was synced."""
        inside = [source, *source.iterdir()] if source.is_dir() else [source]
        for path in inside:
            if self.synced.get(identity(path)) != content(path):
                self.faults.append(f"{path} was not synced before it became {target.name}")
        self.appeared.append(target)
        self.unsynced.append(target)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    recorded = Disk()
    fsync, rename, replace, link = os.fsync, os.rename, os.replace, os.link

    def recording_fsync(descriptor):
        fsync(descriptor)
        recorded.sync(Path(f"/proc/self/fd/{descriptor}").resolve())

    def recording(call):
        def wrapped(source, target, **options):
            recorded.check(Path(source), Path(target))
            return call(source, target, **options)

        return wrapped

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "rename", recording(rename))
    monkeypatch.setattr(os, "replace", recording(replace))
    monkeypatch.setattr(os, "link", recording(link))
    return recorded


def assert_durable(disk: Disk, *names: str) -> None:
    assert disk.faults == []
    assert [path.name for path in disk.appeared] == list(names)
    assert disk.unsynced == [], "their folder was not synced after they appeared"


def test_a_result(disk, results, make_spec, make_tables):
    def slowly(path: Path) -> None:
        with path.open("wb") as file:
            for number in range(3):
                file.write(bytes([number]) * 70_000)

    write_result(results, make_spec(), make_tables(), files={"weights.safetensors": slowly})

    assert_durable(disk, "0a1b2c")


def test_a_result_that_takes_the_place_of_a_damaged_one(results, make_spec, make_tables, disk):
    path = write_result(results, make_spec(), make_tables())
    (path / "metrics.parquet").write_bytes(b"rot")
    disk.appeared.clear()

    write_result(results, make_spec(), make_tables())

    first, aside, second = disk.appeared  # the first try finds the damaged one
    assert (first.name, second.name) == ("0a1b2c", "0a1b2c")
    assert aside.name.startswith(".damaged-0a1b2c")
    # What is damaged need not have been synced: it is not what anybody waits for.
    assert all(f"became {aside.name}" in fault for fault in disk.faults)
    assert disk.unsynced == []


def test_a_state(disk, tmp_path):
    for state in ("running", "done"):
        write_state(tmp_path, StageState("k1", "s", state))

    assert_durable(disk, "k1.json", "k1.json")


def test_a_plan(disk, tmp_path):
    cell = PlannedCell("k1", 0, "e", "E", {"fold": 0}, "e/fold=0", {"epochs": 2})
    write_plan(tmp_path, PlanRecord("exp-01", "t", "paper", None, "2026-01-02", (cell,)))

    assert_durable(disk, "exp-01.json")


def test_a_database_that_is_made_again(disk, tmp_path, results, make_spec, make_tables):
    write_result(results, make_spec(), make_tables())
    rebuild(tmp_path)
    rebuild(tmp_path)

    assert_durable(disk, "0a1b2c", "bench.duckdb", "bench.duckdb")


def test_the_record_tells_what_is_not_synced(disk, tmp_path):
    """The test's own test: a writer that forgets a sync is found."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (temporary / "forgotten").write_bytes(b"x")
    fsync_folder(temporary)
    temporary.rename(tmp_path / "folder")
    assert [fault for fault in disk.faults if "forgotten" in fault]
    assert disk.unsynced == [tmp_path / "folder"]

    late = tmp_path / "late"
    late.write_bytes(b"one")
    fsync_file(late)
    late.write_bytes(b"other")
    late.rename(tmp_path / "file")
    assert "late was not synced before it became file" in disk.faults[-1]


def test_a_file_that_its_writer_leaves_open_is_synced_all_the_same(disk, tmp_path):
    atomic_write(tmp_path / "file", lambda path: path.write_bytes(b"x" * 70_000))

    assert_durable(disk, "file")
