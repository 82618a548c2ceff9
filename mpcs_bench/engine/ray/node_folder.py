"""A node's own copy of what stages read: every content once, whole or not there at all.

files/<sha256>/<name>    a file of the driver's, under the name that it has there
workspaces/<id>/         a workspace of the driver's as far as stages here need it: links
                         to files, checkpoints of its own, results on their way back
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from mpcs_bench.data.atomic import appearing, free_bytes, no_space
from mpcs_bench.engine.ray.file_server import Files, FileServer
from mpcs_bench.engine.ray.job_files import JobFile
from mpcs_bench.errors import DataError, StoreError
from mpcs_bench.stages.job import StageJob

CHUNK = 1 << 25
"""Bytes that travel at once: what a copy holds in memory."""

KEPT_DAYS = 14
"""What no stage asked for in so many days is removed."""


class NodeFolder:
    """The folder `root` (None: one of this user's in the temporary folder), filled from `files`.

    Several workers of one node use it at once: of two that want one content, one copies.
    Raises StoreError where the folder belongs to another user, DataError on a full disk.
    """

    def __init__(self, root: str | None, files: Files) -> None:
        self._root = Path(root) if root else _default_root()
        self._files, self._here = files, FileServer()
        _make_private(self._root)

    def prepare(self, job: StageJob, files: Iterable[JobFile], origin: str) -> StageJob:
        """Return `job` as it runs here: with a workspace that holds links to copies of `files`.

        `origin` names the driver's workspace: its stages meet their checkpoints again.
        """
        name = hashlib.sha256(origin.encode()).hexdigest()[:16]
        workspace = self._root / "workspaces" / name
        here = replace(job, workspace=str(workspace))
        here.results.mkdir(parents=True, exist_ok=True)
        elsewhere = []
        for file in files:
            if file.place is None:
                elsewhere.append(file)
            elif not self._superseded(workspace / file.place, here.checkpoints):
                _link(self.copy_of(file), workspace / file.place)
        return self.locate(here, elsewhere)

    def locate(self, job: StageJob, files: Iterable[JobFile]) -> StageJob:
        """Return `job` with paths at which its `files` from elsewhere stand on this machine.

        A path that holds the driver's bytes here too is left as it is.
        """
        found = {file.path: str(self._own(file) or self.copy_of(file)) for file in files}
        weights = job.weights_file
        return replace(
            job,
            weights_file=found.get(weights, weights) if weights else None,
            plugin_files=tuple(
                found.get(str(Path(path).resolve()), path) for path in job.plugin_files
            ),
        )

    def copy_of(self, file: JobFile) -> Path:
        """Return the copy of `file` on this node, made now where it is missing.

        Raises DataError where the driver cannot read it, or it changes meanwhile.
        """
        sha256, size = self._facts(file)
        folder = self._root / "files" / sha256
        target = folder / Path(file.path).name
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        with _locked(folder / ".lock"):
            if not target.is_file():
                self._copy(file, sha256, size, target)
        return target

    def sweep(self) -> None:
        """Remove copies, checkpoints and encodings that are `KEPT_DAYS` days old or more."""
        old = time.time() - KEPT_DAYS * 86400
        for pattern in ("files/*", "workspaces/*/checkpoints/*", "workspaces/*/cache/encodings/*"):
            for path in self._root.glob(pattern):
                with suppress(OSError):  # another worker may remove it too
                    if path.stat().st_mtime < old:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _copy(self, file: JobFile, sha256: str, size: int, target: Path) -> None:
        if size > free_bytes(target):
            raise no_space(target, size)
        state = hashlib.sha256()
        with appearing(target, size) as temporary:
            with temporary.open("wb") as out:
                for offset in range(0, size, CHUNK):
                    part = self._read(file, offset)
                    state.update(part)
                    out.write(part)
                out.flush()
                os.fsync(out.fileno())
            if state.hexdigest() != sha256:
                raise DataError(
                    f"The file {file.path} of the driver changed while it was copied to a worker.",
                    hint="Run again.",
                )

    def _read(self, file: JobFile, offset: int) -> memoryview:
        try:
            return self._files.read(file.path, offset, CHUNK).data
        except OSError as error:
            raise _unreadable(file, error) from None

    def _facts(self, file: JobFile) -> tuple[str, int]:
        try:
            sha256, size = self._files.facts(file.path)
        except OSError as error:
            raise _unreadable(file, error) from None
        if file.sha256 not in (None, sha256):
            raise DataError(
                f"The file {file.path} of the driver is damaged: another SHA-256 than recorded.",
                hint="Run again: it is planned anew.",
            )
        return sha256, size

    def _own(self, file: JobFile) -> Path | None:
        """Return the driver's path where this machine has the same bytes there."""
        path = Path(file.path)
        if not path.is_file():
            return None
        return path if self._here.facts(file.path) == self._facts(file) else None

    @staticmethod
    def _superseded(target: Path, checkpoints: Path) -> bool:
        """Say whether `target` is of a checkpoint, and this node has a later one of its own."""
        folder = target.parent
        if folder.parent != checkpoints or not checkpoints.is_dir():
            return False
        numbers = [int(path.name) for path in checkpoints.iterdir() if path.name.isdecimal()]
        return max(numbers, default=0) > int(folder.name)


def _default_root() -> Path:
    return Path(tempfile.gettempdir()) / f"mpcs-bench-{os.getuid()}"


def _make_private(root: Path) -> None:
    """Make `root` this user's alone: the temporary folder is everybody's."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = root.lstat()
    except OSError as error:
        raise StoreError(
            f"The node's folder {root} cannot be made: {error.strerror or error}.",
            hint="Name another one that every node can write.",
        ) from None
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise StoreError(
            f"The node's folder {root} is not a folder of this user.",
            hint="Name another one that every node can write.",
        )


def _link(copy: Path, place: Path) -> None:
    """Let `place` be a link to `copy`, at once and whatever stood there."""
    with suppress(OSError):
        if place.readlink() == copy:
            return
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{uuid.uuid4().hex}.tmp")
    temporary.symlink_to(copy)
    temporary.replace(place)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unreadable(file: JobFile, error: OSError) -> DataError:
    return DataError(f"The driver cannot read {file.path}: {error.strerror or error}.")
