"""Running a plan: stages go to workers as their inputs appear, results to the database."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol as Interface

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.working import working_frames
from mpcs_bench.engine.committing import Committer
from mpcs_bench.engine.plan import Plan, PlannedStage
from mpcs_bench.engine.pool import WorkerPool
from mpcs_bench.engine.worker import Event, Failed, Finished, Progress
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.records import StageState, sweep_temporaries
from mpcs_bench.records.process import host_name
from mpcs_bench.stages.job import Tick

POLL = 0.25
"""Seconds to wait for news of the workers."""


class Observer(Interface):
    """Is told what happens; the command line draws it."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Data are being made ready."""

    def expect(self, stages: int) -> None:
        """So many stages will run."""

    def started(self, stage: PlannedStage) -> None:
        """A worker has begun `stage`."""

    def progress(self, stage: PlannedStage, tick: Tick) -> None:
        """`stage` is `tick` far."""

    def finished(self, stage: PlannedStage, seconds: float, images_per_second: float) -> None:
        """The result of `stage` stands on disk."""

    def failed(self, stage: PlannedStage, error: str) -> None:
        """`stage` ended without a result."""

    def note(self, text: str) -> None:
        """Something the user should know."""


@dataclass(slots=True)
class Outcome:
    """What a run came to, in stages."""

    done: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    waiting: int = 0
    blocked: int = 0
    already: int = 0
    uncommitted: int = 0


class Run:
    """One execution of a plan in a workspace that this process has locked."""

    def __init__(self, plan: Plan, workspace: Workspace, jobs: int, observer: Observer) -> None:
        self._plan, self._workspace, self._observer = plan, workspace, observer
        self._jobs = jobs
        self._committer = Committer(workspace.root, observer.note)
        self._by_key = {stage.key: stage for stage in plan.stages if stage.key is not None}
        self._pending = {stage.key: stage for stage in plan.to_run() if stage.key is not None}
        self._outcome = Outcome(already=plan.count("done"), blocked=plan.count("blocked"))
        self._have = {stage.key for stage in plan.stages if stage.status == "done"}
        self._started: dict[str, str] = {}

    def execute(self) -> Outcome:
        """Run everything that can run; one failing stage never stops the others.

        On KeyboardInterrupt the running stages are marked interrupted, what is finished is
        committed, and the interrupt goes on to the caller.
        """
        sweep_temporaries(self._workspace.results)
        self._workspace.sweep_cache()
        self._committer.plan(self._plan)
        self._committer.adopt(key for key in self._have if key is not None)
        self._committer.flush(final=not self._pending)
        if self._pending:
            self._work()
        self._committer.flush(final=True)
        self._outcome.waiting = len(self._pending)
        self._outcome.uncommitted = self._committer.waiting
        return self._outcome

    def _work(self) -> None:
        self._prepare_images()
        self._observer.expect(len(self._pending))
        with WorkerPool(min(self._jobs, len(self._pending)), self._plan.threads) as pool:
            try:
                self._loop(pool)
            except KeyboardInterrupt:
                pool.close()
                self._interrupted()
                raise

    def _loop(self, pool: WorkerPool) -> None:
        while True:
            self._submit(pool)
            self._committer.flush()
            if not pool.running:
                return
            for event in pool.events(POLL):
                self._handle(event)

    def _submit(self, pool: WorkerPool) -> None:
        for stage in self._ready()[: pool.free]:
            assert stage.job is not None and stage.key is not None
            del self._pending[stage.key]
            pid = pool.submit(stage.job)
            self._started[stage.key] = datetime.now(UTC).isoformat()
            self._record(stage, "running", pid=pid)
            self._observer.started(stage)

    def _ready(self) -> list[PlannedStage]:
        """Return the stages whose inputs stand: those that others wait for first, then by fold."""
        ready = [
            stage
            for stage in self._pending.values()
            if stage.job is not None
            and (stage.job.upstream_key is None or stage.job.upstream_key in self._have)
        ]
        order = {"pretrain": 0, "finetune": 1, "linear": 2, "colour-floor": 3}
        return sorted(ready, key=lambda stage: (order[stage.spec.kind], stage.spec.spec["fold"]))

    def _handle(self, event: Event) -> None:
        stage = self._by_key[event.key]
        if isinstance(event, Progress):
            self._observer.progress(stage, event.tick)
        elif isinstance(event, Finished):
            self._have.add(event.key)
            self._outcome.done += 1
            self._record(stage, "done")
            self._committer.result(self._workspace.results / event.key)
            timings = event.timings
            self._observer.finished(stage, timings["seconds"], timings["images_per_second"])
        else:
            self._fail(stage, event)

    def _fail(self, stage: PlannedStage, event: Failed) -> None:
        self._outcome.failed[stage.spec.symbolic] = event.error
        self._record(stage, "failed", error=event.error, traceback=event.traceback)
        self._observer.failed(stage, event.error)

    def _interrupted(self) -> None:
        for key in self._started.keys() - self._have:
            stage = self._by_key[key]
            if stage.spec.symbolic not in self._outcome.failed:
                self._record(stage, "interrupted", reason="the run was interrupted")
        with contextlib.suppress(KeyboardInterrupt):
            self._committer.flush(final=True)

    def _record(
        self,
        stage: PlannedStage,
        state: str,
        *,
        pid: int | None = None,
        error: str | None = None,
        traceback: str | None = None,
        reason: str | None = None,
    ) -> None:
        assert stage.key is not None
        self._committer.state(
            StageState(
                key=stage.key,
                symbolic=stage.spec.symbolic,
                state=state,  # type: ignore[arg-type]
                reason=reason or (stage.reason if state == "running" else None),
                error=error,
                traceback=traceback,
                pid=pid,
                host=host_name() if pid else None,
                started=self._started.get(stage.key),
            )
        )

    def _prepare_images(self) -> None:
        """Make the working images once, before workers would each begin to."""
        wanted = {
            (stage.job.fingerprint, stage.job.image_size)
            for stage in self._pending.values()
            if stage.job is not None
        }
        for number, (fingerprint, size) in enumerate(sorted(wanted, key=str)):
            self._observer.preparing("resizing images", number, len(wanted))
            index = SampleIndex.read(self._workspace.cache, fingerprint)
            working_frames(index, size, self._workspace.cache, workers=os.cpu_count() or 1)
            self._observer.preparing("resizing images", number + 1, len(wanted))


def default_jobs(device: str, threads: int) -> int:
    """Return how many stages run at once: jobs x threads <= cores on the CPU, one on a GPU."""
    if device != "cpu":
        return 1
    return max(1, (os.cpu_count() or 1) // threads)
