"""The workspace: one folder with the database, the results and the caches."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mpcs_bench.errors import StoreError


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths of a workspace; nothing is opened here."""

    root: Path

    @property
    def results(self) -> Path:
        """Immutable results, one folder a key."""
        return self.root / "results"

    @property
    def cache(self) -> Path:
        """Whatever can be made again: indexes, splits, pixels, generated data."""
        return self.root / "cache"

    @property
    def reports(self) -> Path:
        """Where `run` and `report` write pages."""
        return self.root / "reports"

    def create(self) -> None:
        """Make the folder where it is missing; raises StoreError where it cannot be written."""
        probe = self.root / f".write-probe-{os.getpid()}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise StoreError(
                f"The workspace {self.root} cannot be written: {error.strerror or error}.",
                hint="Give another folder with --workspace, or make this one writable.",
            ) from None

    def sweep_cache(self) -> None:
        """Remove what killed processes left half written in the cache."""
        for path in self.stale_cache():
            with suppress(FileNotFoundError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def stale_cache(self) -> Iterator[Path]:
        """Yield what was left half written in the cache, an hour ago or more.

        Younger leftovers may be another command's work.
        """
        old = time.time() - 3600
        for pattern in ("*/.*.tmp", "pixels/*/.*.tmp", "generated/.*.partial-*"):
            for path in self.cache.glob(pattern):
                with suppress(OSError):  # its process may finish it this moment
                    if path.lstat().st_mtime < old:
                        yield path

    def sweep_checkpoints(self, done: Iterable[str]) -> None:
        """Remove checkpoints of the stages `done`: their process was killed just before it."""
        for key in done:
            shutil.rmtree(self.root / "checkpoints" / key, ignore_errors=True)

    def require(self) -> None:
        """Raise StoreError where there is no workspace to read."""
        if not self.root.is_dir():
            raise StoreError(
                f"There is no workspace at {self.root}.",
                hint="Run a protocol first, or name its folder with --workspace.",
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the workspace for one run.

        The kernel drops the lock with the process, however it ends. Raises StoreError naming the
        holder where another run has it.
        """
        path = self.root / "run.lock"
        with path.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                raise StoreError(
                    f"Another run works in {self.root}: {_holder(file.read())}.",
                    hint="Wait for it, stop it, or use another --workspace. "
                    "`mpcs-bench results` and `sql` work meanwhile.",
                ) from None
            file.truncate(0)
            started = datetime.now(UTC).isoformat(timespec="seconds")
            holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": started}
            file.write(json.dumps(holder))
            file.flush()
            yield


def _holder(text: str) -> str:
    try:
        holder = json.loads(text)
        return f"process {holder['pid']} on {holder['host']}, since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "its process is not known"
