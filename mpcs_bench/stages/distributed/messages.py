"""What the processes of one stage and the worker that started them leave for each other."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpcs_bench.stages.job import StageJob, Tick


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a process ended: with timings, left in epoch `left` of how many, or with an error."""

    timings: dict[str, Any] | None = None
    left: tuple[int, int] | None = None
    error: str | None = None
    hint: str | None = None
    traceback: str | None = None

    @property
    def expected(self) -> bool:
        """Say whether the error is one that the user can mend."""
        return self.error is not None and self.traceback is None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A folder of this machine that only they know."""

    folder: Path

    @property
    def log(self) -> Path:
        """Return what the launcher and the processes print."""
        return self.folder / "log.txt"

    def give(self, job: StageJob) -> None:
        """Leave the job for the processes."""
        (self.folder / "job").write_bytes(pickle.dumps(job))

    def job(self) -> StageJob:
        """Return the job."""
        job: StageJob = pickle.loads((self.folder / "job").read_bytes())  # noqa: S301 - our own
        return job

    def ask_to_leave(self) -> None:
        """Ask the processes to write a checkpoint and stop."""
        (self.folder / "leave").touch()

    def asked_to_leave(self) -> bool:
        """Say whether they are asked to."""
        return (self.folder / "leave").exists()

    def tell(self, tick: Tick) -> None:
        """Leave word of how far they are."""
        fields = [tick.done, tick.total, tick.images, tick.step, tick.steps]
        self._put("tick", json.dumps(fields).encode())

    def tick(self) -> Tick | None:
        """Return how far they are, None before they say it."""
        try:
            return Tick(*json.loads((self.folder / "tick").read_bytes()))
        except FileNotFoundError:
            return None

    def end(self, rank: int, outcome: Outcome) -> None:
        """Leave word of how process `rank` ended."""
        self._put(f"outcome-{rank}", pickle.dumps(outcome))

    def outcomes(self) -> dict[int, Outcome]:
        """Return by rank how those ended that could say it: the first to end first."""
        paths = sorted(self.folder.glob("outcome-*"), key=lambda path: path.stat().st_mtime_ns)
        return {
            int(path.name.removeprefix("outcome-")): pickle.loads(path.read_bytes())  # noqa: S301
            for path in paths
        }

    def _put(self, name: str, content: bytes) -> None:
        temporary = self.folder / f".{name}"
        temporary.write_bytes(content)
        temporary.replace(self.folder / name)
