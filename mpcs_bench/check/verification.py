"""Runs stored cells again, in a temporary folder, and says how far they lie from what is stored."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mpcs_bench.check.drift import Drift, drift
from mpcs_bench.check.errors import CheckError
from mpcs_bench.check.promise import broken_promise
from mpcs_bench.check.stored_jobs import Impossible, StoredJobs
from mpcs_bench.engine.device import resolve_device
from mpcs_bench.engine.events import Failed, Finished, Left
from mpcs_bench.engine.pool import WorkerPool
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import BenchError, ExitCode
from mpcs_bench.protocol.seeds import generator
from mpcs_bench.records import Result, check_result, list_results, read_result
from mpcs_bench.stages.encoding_file import FOLDER
from mpcs_bench.stages.job import StageJob

POLL = 0.25


@dataclass(frozen=True, slots=True)
class Verified:
    """One stage: equal, drifted, failed, or impossible to run again.

    `differs` are the differences of the two environments that equality rests on; where there are
    none, equality is promised. `reason` says why there is no `drift`.
    """

    symbolic: str
    key: str
    drift: Drift | None
    differs: tuple[str, ...] = ()
    reason: str = ""
    failed: bool = False

    @property
    def broken(self) -> bool:
        """Whether it drifted where equality was promised."""
        return self.drift is not None and not self.drift.equal and not self.differs


@dataclass(frozen=True, slots=True)
class Verification:
    """All stages that were run again, of how many cells the workspace holds."""

    stages: tuple[Verified, ...]
    stored_cells: int

    @property
    def exit_code(self) -> ExitCode:
        """3 for a broken promise, 1 for a stage that failed, 4 where none could be run again."""
        if any(stage.broken for stage in self.stages):
            return ExitCode.REGRESSION
        if any(stage.failed for stage in self.stages):
            return ExitCode.CELL_FAILED
        if all(stage.drift is None for stage in self.stages):
            return ExitCode.NOTHING_RAN
        return ExitCode.OK


def verify_cells(
    workspace: Workspace,
    *,
    cells: int,
    seed: int,
    device: str | None = None,
    plugin_files: Sequence[str] = (),
) -> Verification:
    """Run `cells` stored cells again, drawn by `seed`; what is stored is only read.

    Raises CheckError where the workspace holds no cell.
    """
    stored = [read_result(workspace.results / key) for key in list_results(workspace.results)]
    all_cells = [result for result in stored if result.spec.axes is not None]
    if not all_cells:
        error = CheckError(
            f"There is no finished cell in {workspace.root}.", hint="Run a protocol first."
        )
        error.exit_code = ExitCode.NOTHING_RAN
        raise error
    order = generator(seed, "verify").permutation(len(all_cells))[:cells]
    with _place(workspace) as place:
        jobs = StoredJobs(workspace, place, device, plugin_files)
        rerun = _Rerun(workspace, place, jobs)
        found = [item for number in order for item in rerun.cell(all_cells[number])]
    return Verification(tuple(found), len(all_cells))


@contextmanager
def _place(workspace: Workspace) -> Iterator[Path]:
    """A workspace of its own; of the cache it shares what no network has computed."""
    place = Path(tempfile.mkdtemp(prefix="mpcs-verify-"))
    try:
        (place / "results").mkdir()
        (place / "cache").mkdir()
        for shared in workspace.cache.glob("*"):
            if shared.name != FOLDER:
                (place / "cache" / shared.name).symlink_to(shared.resolve())
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


class _Rerun:
    """Runs cells one after another; a pre-training that several stand on runs once."""

    def __init__(self, workspace: Workspace, place: Path, jobs: StoredJobs) -> None:
        self._workspace, self._place, self._jobs = workspace, place, jobs
        self._done: dict[str, Verified] = {}

    def cell(self, stored: Result) -> Iterator[Verified]:
        """Yield the cell, after its pre-training where that had to run again."""
        job = self._jobs.job(stored)
        if isinstance(job, Impossible):
            yield Verified(stored.spec.symbolic, stored.key, None, reason=job.reason)
            return
        upstream = self._jobs.upstream(job)
        if isinstance(upstream, Impossible):
            yield Verified(stored.spec.symbolic, stored.key, None, reason=upstream.reason)
            return
        if isinstance(upstream, Path):
            link = self._place / "results" / upstream.name
            if not link.exists():
                link.symlink_to(upstream.resolve(), target_is_directory=True)
        elif isinstance(upstream, Result):
            first = upstream.key not in self._done
            before = self._upstream(upstream)
            if first:
                yield before
            if before.drift is None:
                why = f"its pre-training could not be run again: {before.reason}"
                yield Verified(stored.spec.symbolic, stored.key, None, reason=why)
                return
        yield self._stage(stored, job)

    def _upstream(self, stored: Result) -> Verified:
        if stored.key not in self._done:
            job = self._jobs.job(stored)
            if isinstance(job, Impossible):
                found = Verified(stored.spec.symbolic, stored.key, None, reason=job.reason)
            else:
                found = self._stage(stored, job)
            self._done[stored.key] = found
        return self._done[stored.key]

    def _stage(self, stored: Result, job: StageJob) -> Verified:
        name, key = stored.spec.symbolic, stored.key
        damage = check_result(stored.path, only=frozenset())
        missing = [text for text in damage if not text.endswith("is missing")]
        if missing:
            return Verified(name, key, None, reason=f"it is damaged: {missing[0]}")
        try:
            resolve_device(job.device)
            error = _run(job)
            if error is not None:
                return Verified(name, key, None, reason=error, failed=True)
            again = read_result(self._place / "results" / key)
            differs = broken_promise(stored.manifest.environment, again.manifest.environment)
            return Verified(name, key, drift(stored, again), tuple(differs))
        except BenchError as problem:
            return Verified(name, key, None, reason=problem.message)


def _run(job: StageJob) -> str | None:
    """Run one job in a worker process, as a run does; return its error, if any."""
    with WorkerPool(1, int(job.spec.get("threads", 1))) as pool:
        pool.submit(job)
        while True:
            for event in pool.events(POLL):
                if isinstance(event, Finished):
                    return None
                if isinstance(event, Failed):
                    return event.error
                if isinstance(event, Left):
                    return f"{job.symbolic}: its process was told to stop."
