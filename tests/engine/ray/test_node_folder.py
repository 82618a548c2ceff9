"""A node's own copies: every content once, checked, and found again."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mpcs_bench.engine.ray.file_server import FileServer, UInt8
from mpcs_bench.engine.ray.job_files import JobFile, job_files
from mpcs_bench.engine.ray.node_folder import CHUNK, NodeFolder
from mpcs_bench.errors import DataError, StoreError
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob


class Counting(FileServer):
    """A file server that remembers what was read of it."""

    def __init__(self, log: Path | None = None) -> None:
        super().__init__()
        self.reads: list[tuple[str, int]] = []
        self._log = log

    def read(self, path: str, offset: int, count: int) -> UInt8:
        self.reads.append((path, offset))
        if self._log is not None:
            with self._log.open("a") as file:
                file.write(f"{path} {offset}\n")
            time.sleep(0.2)  # so that the others come to want it too
        return super().read(path, offset, count)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of the driver's that travels in three parts."""
    path = tmp_path / "weights.bin"
    np.random.default_rng(0).integers(0, 255, 2 * CHUNK + 17, dtype=np.uint8).tofile(path)
    return path


def test_a_copy_holds_the_same_bytes_and_is_made_once(source: Path, tmp_path: Path) -> None:
    server = Counting()
    folder = NodeFolder(str(tmp_path / "node"), server)
    copy = folder.copy_of(JobFile(str(source)))
    assert copy.read_bytes() == source.read_bytes()
    assert [offset for _, offset in server.reads] == [0, CHUNK, 2 * CHUNK]
    assert NodeFolder(str(tmp_path / "node"), server).copy_of(JobFile(str(source))) == copy
    assert len(server.reads) == 3


def _copy(node: str, source: str, log: str) -> None:
    NodeFolder(node, Counting(Path(log))).copy_of(JobFile(source))


def test_of_two_workers_that_want_one_content_one_copies(tmp_path: Path) -> None:
    source, log = tmp_path / "small.bin", tmp_path / "log"
    source.write_bytes(b"pixels")
    context = multiprocessing.get_context("fork")
    arguments = (str(tmp_path / "node"), str(source), str(log))
    workers = [context.Process(target=_copy, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert len(log.read_text().splitlines()) == 1


def test_a_file_that_is_not_what_was_recorded_is_refused(source: Path, tmp_path: Path) -> None:
    folder = NodeFolder(str(tmp_path / "node"), FileServer())
    with pytest.raises(DataError, match="damaged"):
        folder.copy_of(JobFile(str(source), sha256="0" * 64))


def test_a_file_that_changes_while_it_is_copied_leaves_nothing(
    source: Path, tmp_path: Path
) -> None:
    class Changing(FileServer):
        def read(self, path: str, offset: int, count: int) -> UInt8:
            part = super().read(path, offset, count)
            part[0] ^= 1
            return part

    folder = NodeFolder(str(tmp_path / "node"), Changing())
    with pytest.raises(DataError, match="changed while it was copied"):
        folder.copy_of(JobFile(str(source)))
    assert not list((tmp_path / "node").rglob("weights*"))


def test_a_file_that_the_driver_lost_is_named(tmp_path: Path) -> None:
    folder = NodeFolder(str(tmp_path / "node"), FileServer())
    with pytest.raises(DataError, match=r"gone\.bin"):
        folder.copy_of(JobFile(str(tmp_path / "gone.bin")))


def test_a_prepared_workspace_opens_like_the_drivers(jobs: list[StageJob], tmp_path: Path) -> None:
    folder = NodeFolder(str(tmp_path / "node"), FileServer())
    here = folder.prepare(jobs[0], job_files(jobs[0]), "driver:/workspace")
    assert Path(here.workspace).is_relative_to(tmp_path / "node")
    opened, original = StageInputs.open(here), StageInputs.open(jobs[0])
    assert np.array_equal(opened.images.pixels, original.images.pixels)
    assert opened.index.fingerprint == original.index.fingerprint


def test_a_prepared_workspace_follows_the_driver_to_other_weights(
    finetuning: StageJob, tmp_path: Path
) -> None:
    folder = NodeFolder(str(tmp_path / "node"), FileServer())
    place = f"results/{finetuning.upstream_key}/weights.safetensors"
    path = tmp_path / "weights.safetensors"
    for content in (b"first", b"second"):
        path.write_bytes(content)
        here = folder.prepare(finetuning, [JobFile(str(path), place)], "driver:/workspace")
        assert (Path(here.workspace) / place).read_bytes() == content


def test_a_file_from_elsewhere_is_used_where_it_stands_or_copied(
    pretraining: StageJob, source: Path, tmp_path: Path
) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text("x = 1\n")
    job = replace(
        pretraining,
        weights_file=str(source),
        plugin_files=(str(plugin),),
        hashed={"weights": FileServer().facts(str(source))[0]},
    )
    server = FileServer()
    folder = NodeFolder(str(tmp_path / "node"), server)
    files = [file for file in job_files(job) if file.place is None]
    assert folder.locate(job, files) == job
    sha256 = hashlib.sha256(plugin.read_bytes()).hexdigest()
    moved = NodeFolder(str(tmp_path / "node"), _AsIfElsewhere(server, {str(plugin): "y = 22\n"}))
    found = moved.locate(job, [JobFile(str(plugin))])
    assert found.plugin_files != job.plugin_files
    assert Path(found.plugin_files[0]).read_text() == "y = 22\n"
    assert Path(found.plugin_files[0]).name == "plugin.py"
    assert sha256 not in found.plugin_files[0]
    assert found.weights_file == str(source)


class _AsIfElsewhere:
    """A driver whose machine has other bytes at some paths."""

    def __init__(self, server: FileServer, contents: dict[str, str]) -> None:
        self._server, self._contents = server, contents

    def facts(self, path: str) -> tuple[str, int]:
        if path not in self._contents:
            return self._server.facts(path)
        content = self._contents[path].encode()
        return hashlib.sha256(content).hexdigest(), len(content)

    def read(self, path: str, offset: int, count: int) -> UInt8:
        if path not in self._contents:
            return self._server.read(path, offset, count)
        return np.frombuffer(self._contents[path].encode(), np.uint8)[offset : offset + count]


@pytest.mark.parametrize(("own", "used"), [("000002", "000003"), ("000004", "000004")])
def test_the_later_checkpoint_of_driver_and_node_counts(
    pretraining: StageJob, tmp_path: Path, own: str, used: str
) -> None:
    for name in ("checkpoint.json", "state.pt"):
        path = pretraining.checkpoints / "000003" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("the driver's")
    folder = NodeFolder(str(tmp_path / "node"), FileServer())
    here = folder.prepare(pretraining, (), "driver:/workspace")
    (here.checkpoints / own).mkdir(parents=True)
    folder.prepare(pretraining, job_files(pretraining), "driver:/workspace")
    newest = max(path for path in here.checkpoints.iterdir())
    assert newest.name == used
    assert len(list(newest.iterdir())) == (2 if used == "000003" else 0)


def test_what_nobody_asked_for_in_weeks_is_removed(source: Path, tmp_path: Path) -> None:
    folder = NodeFolder(str(tmp_path / "node"), FileServer())
    old = folder.copy_of(JobFile(str(source)))
    plugin = tmp_path / "plugin.py"
    plugin.write_text("x = 1\n")
    young = folder.copy_of(JobFile(str(plugin)))
    os.utime(old.parent, (0, 0))
    encoding = tmp_path / "node/workspaces/w/cache/encodings/k.safetensors"
    encoding.parent.mkdir(parents=True)
    encoding.write_bytes(b"features")
    os.utime(encoding, (0, 0))
    folder.sweep()
    assert not old.exists()
    assert not encoding.exists()
    assert young.exists()


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (tmp_path / "link").symlink_to(own)  # who can replace the link decides what is read
    with pytest.raises(StoreError, match="not a folder of this user"):
        NodeFolder(str(tmp_path / "link"), FileServer())
