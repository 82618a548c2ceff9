"""Running a plan: stages go to workers as their inputs appear, results to the database."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol as Interface

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.working import working_frames
from mpcs_bench.engine.committing import Committer
from mpcs_bench.engine.events import Event, Failed, Finished, Left, Progress, Started, Waiting
from mpcs_bench.engine.executor import Executor
from mpcs_bench.engine.plan import Plan, PlannedStage
from mpcs_bench.engine.queue import StageQueue
from mpcs_bench.engine.stop_signals import StopSignals
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.records import StageState, sweep_temporaries
from mpcs_bench.stages.job import CHECKPOINT_SECONDS, STALL_SECONDS, Tick

POLL = 0.25
"""Seconds to wait for news of the executor."""

GRACE = 25.0
"""Seconds that stages have to write a checkpoint: Slurm kills 30 s after its SIGTERM."""


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
    """One execution of a plan in a workspace that this process has locked.

    `executor` makes what runs so many stages; `timeout` is how many seconds a stage may show no
    progress before it is stopped and fails (0: for ever), `checkpoint_seconds` how often it
    writes a checkpoint.
    """

    def __init__(
        self,
        plan: Plan,
        workspace: Workspace,
        executor: Callable[[int], Executor],
        observer: Observer,
        *,
        timeout: float = STALL_SECONDS,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        self._plan, self._workspace, self._observer = plan, workspace, observer
        self._executor, self._timeout = executor, timeout
        self._checkpoint_seconds = checkpoint_seconds
        self._committer = Committer(workspace.root, observer.note)
        self._by_key = {stage.key: stage for stage in plan.stages if stage.key is not None}
        self._have = {
            stage.key for stage in plan.stages if stage.status == "done" and stage.key is not None
        }
        self._queue = StageQueue(plan.to_run(), self._have)
        self._outcome = Outcome(already=plan.count("done"), blocked=plan.count("blocked"))
        self._started: dict[str, str] = {}
        self._alive: dict[str, float] = {}

    def execute(self) -> Outcome:
        """Run everything that can run; one failing stage never stops the others.

        On Ctrl-C or SIGTERM running trainings write a checkpoint and stop, what is finished is
        committed, and KeyboardInterrupt goes on to the caller. A second signal does not wait.
        """
        sweep_temporaries(self._workspace.results)
        self._workspace.sweep_cache()
        self._workspace.sweep_checkpoints(self._have)
        self._committer.plan(self._plan)
        self._committer.adopt(self._have)
        self._committer.flush(final=not self._queue)
        if self._queue:
            self._work()
        self._committer.flush(final=True)
        self._outcome.waiting = len(self._queue)
        self._outcome.uncommitted = self._committer.waiting
        return self._outcome

    def _work(self) -> None:
        self._prepare_images()
        self._observer.expect(len(self._queue))
        with self._executor(len(self._queue)) as executor:
            try:
                self._loop(executor)
            except BaseException:
                executor.close()
                self._interrupted()
                raise

    def _loop(self, executor: Executor) -> None:
        with StopSignals() as signals:
            while not signals.asked:
                self._submit(executor)
                self._committer.flush()
                if not executor.running:
                    return
                self._advance(executor)
            self._leave(executor)
        raise KeyboardInterrupt

    def _leave(self, executor: Executor) -> None:
        """Let running trainings write their checkpoints, as long as a scheduler would wait."""
        self._observer.note(
            "Leaving: running stages write checkpoints. Ctrl-C once more stops them at once."
        )
        executor.leave()
        end = time.monotonic() + GRACE
        while executor.running and time.monotonic() < end:
            self._advance(executor)

    def _advance(self, executor: Executor) -> None:
        for event in executor.events(POLL):
            self._handle(event)
        self._stop_hanging(executor)

    def _submit(self, executor: Executor) -> None:
        for stage in self._queue.take(executor.free):
            assert stage.job is not None
            job = replace(stage.job, checkpoint_seconds=self._checkpoint_seconds)
            place = executor.submit(job)
            if place.pid is not None:
                self._begun(stage, place.pid, place.host)

    def _begun(self, stage: PlannedStage, pid: int, host: str | None) -> None:
        assert stage.key is not None
        self._started[stage.key] = datetime.now(UTC).isoformat()
        self._alive[stage.key] = time.monotonic()
        self._record(stage, "running", pid=pid, host=host)
        self._observer.started(stage)

    def _handle(self, event: Event) -> None:
        stage = self._by_key[event.key]
        if isinstance(event, Started):
            self._begun(stage, event.pid, event.host)
        elif isinstance(event, Waiting):
            self._alive.pop(event.key, None)  # nothing of it runs that could hang
            self._record(stage, "planned", reason="its worker died; it waits for room elsewhere")
            self._observer.note(f"{stage.spec.symbolic}: its worker died; it goes on elsewhere.")
        elif isinstance(event, Progress):
            self._alive[event.key] = time.monotonic()
            self._observer.progress(stage, event.tick)
        else:
            self._alive.pop(event.key, None)
            self._ended(stage, event)

    def _ended(self, stage: PlannedStage, event: Finished | Failed | Left) -> None:
        if isinstance(event, Finished):
            self._have.add(event.key)
            self._queue.finished(event.key)
            self._outcome.done += 1
            self._record(stage, "done")
            self._committer.result(self._workspace.results / event.key)
            timings = event.timings
            self._observer.finished(stage, timings["seconds"], timings["images_per_second"])
        elif isinstance(event, Left):
            how = f"told to leave after {event.done} of {event.total} epochs"
            self._outcome.failed[stage.spec.symbolic] = f"{stage.spec.symbolic}: it was {how}."
            self._record(stage, "interrupted", reason=how)
        else:
            self._fail(stage, event)

    def _fail(self, stage: PlannedStage, event: Failed) -> None:
        self._outcome.failed[stage.spec.symbolic] = event.error
        self._record(stage, "failed", error=event.error, traceback=event.traceback)
        self._observer.failed(stage, event.error)

    def _stop_hanging(self, executor: Executor) -> None:
        if not self._timeout:
            return
        late = time.monotonic() - self._timeout
        for key in [key for key, seen in self._alive.items() if seen < late]:
            executor.stop(key)
            del self._alive[key]
            stage = self._by_key[key]
            error = (
                f"{stage.spec.symbolic}: no progress for {self._timeout:g} seconds, so it was "
                "stopped. If it only is slow, allow more with --timeout."
            )
            self._fail(stage, Failed(key, error))

    def _interrupted(self) -> None:
        for key in self._alive:
            self._record(self._by_key[key], "interrupted", reason="the run was interrupted")
        with contextlib.suppress(KeyboardInterrupt):
            self._committer.flush(final=True)

    def _record(
        self,
        stage: PlannedStage,
        state: str,
        *,
        pid: int | None = None,
        host: str | None = None,
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
                host=host,
                started=self._started.get(stage.key),
            )
        )

    def _prepare_images(self) -> None:
        """Make the working images once, before workers would each begin to."""
        wanted = {
            (stage.job.fingerprint, stage.job.image_size)
            for stage in self._plan.to_run()
            if stage.job is not None
        }
        for number, (fingerprint, size) in enumerate(sorted(wanted, key=str)):
            self._observer.preparing("resizing images", number, len(wanted))
            index = SampleIndex.read(self._workspace.cache, fingerprint)
            working_frames(index, size, self._workspace.cache, workers=os.cpu_count() or 1)
            self._observer.preparing("resizing images", number + 1, len(wanted))
