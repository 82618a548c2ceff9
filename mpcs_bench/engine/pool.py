"""A pool of worker processes that knows which worker ran what when one of them dies.

`concurrent.futures` fails every running job when one process is killed; here only the job of
that process fails, and another worker takes its place.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from mpcs_bench.engine.events import Event, Failed, Finished, Left
from mpcs_bench.engine.executor import Executor, Place
from mpcs_bench.engine.stop_signals import signals_blocked
from mpcs_bench.engine.worker import OUT_OF_MEMORY, work
from mpcs_bench.engine.worker_environment import worker_environment
from mpcs_bench.errors import StageError
from mpcs_bench.records.process import host_name
from mpcs_bench.stages.job import StageJob


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    connection: Connection
    job: StageJob | None = None


class WorkerPool(Executor):
    """Runs at most `size` jobs at once, each in a process with `threads` CPU threads."""

    def __init__(self, size: int, threads: int) -> None:
        self._size, self._threads = size, threads
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []

    @property
    def free(self) -> int:
        """How many jobs can be submitted now."""
        return self._size - sum(worker.job is not None for worker in self._workers)

    @property
    def running(self) -> list[StageJob]:
        """The jobs that run now."""
        return [worker.job for worker in self._workers if worker.job is not None]

    def submit(self, job: StageJob) -> Place:
        """Give `job` to an idle worker, started when needed."""
        for worker in [worker for worker in self._workers if worker.job is None]:
            if self._hand(worker, job):
                return self._place(worker)
            self._remove(worker)  # it died while it had nothing to do
        worker = self._start()
        if not self._hand(worker, job):
            self._remove(worker)
            raise StageError(
                "A worker process cannot be started.", hint="Look at `mpcs-bench doctor`."
            )
        return self._place(worker)

    @staticmethod
    def _place(worker: _Worker) -> Place:
        return Place(worker.process.pid, host_name())

    @staticmethod
    def _hand(worker: _Worker, job: StageJob) -> bool:
        """Give `job` to `worker`; False where its process is gone."""
        try:
            worker.connection.send(job)
        except OSError:
            return False
        worker.job = job
        return True

    def events(self, timeout: float) -> Iterator[Event]:
        """Yield what the workers say within `timeout` seconds; a dead worker fails its job."""
        sources = {worker.connection: worker for worker in self._workers}
        for source in wait(list(sources), timeout):
            worker = sources[source]  # type: ignore[index]
            try:
                event: Event = worker.connection.recv()
            except (EOFError, OSError):
                yield from self._bury(worker)
                continue
            if isinstance(event, Finished | Failed | Left):
                worker.job = None
            yield event

    def leave(self) -> None:
        """Ask every running stage to write a checkpoint and stop."""
        for worker in self._workers:
            if worker.job is not None:
                worker.process.terminate()

    def stop(self, key: str) -> None:
        """End the stage `key` at once."""
        for worker in self._workers:
            if worker.job is not None and worker.job.key == key:
                worker.process.kill()
                return self._remove(worker)
        return None

    def close(self) -> None:
        """End all workers at once; a stage goes on from its last checkpoint another time."""
        for worker in self._workers:
            worker.process.kill()
        for worker in list(self._workers):
            self._remove(worker)

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        # It takes signals once it knows what they mean to it (`worker.work`).
        with worker_environment(self._threads), signals_blocked():
            process = self._context.Process(target=work, args=(theirs,), daemon=True)
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _remove(self, worker: _Worker) -> None:
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)

    def _bury(self, worker: _Worker) -> Iterator[Event]:
        self._remove(worker)
        if worker.job is not None:
            job, code = worker.job, worker.process.exitcode
            if code == 0:  # it was told to leave before it had begun
                yield Left(job.key, 0, 0)
                return
            how = f"was killed by signal {-code}" if code and code < 0 else f"ended with {code}"
            text = f"{job.symbolic}: its process {how}."
            yield Failed(job.key, text + (OUT_OF_MEMORY if code == -9 else ""))
