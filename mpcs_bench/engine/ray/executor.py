"""Stages on a Ray cluster: Ray places warm workers, the driver hands them stages.

A stage begins in milliseconds on a worker that has run one before (torch is imported, images are
mapped, a GPU's context is made). A Ray task would begin anew: of a process that used one GPU Ray
cannot make one that uses another. Where a worker runs, and when there is room for it, is Ray's
to say; nothing here schedules.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from mpcs_bench.engine.events import Event, Failed, Progress, Started, Waiting
from mpcs_bench.engine.executor import Executor, Place
from mpcs_bench.engine.ray.arrival import Arrivals
from mpcs_bench.engine.ray.cluster import Cluster
from mpcs_bench.engine.ray.failures import died, unstartable
from mpcs_bench.engine.ray.messages import Answer
from mpcs_bench.engine.ray.options import RayOptions
from mpcs_bench.engine.ray.orders import Orders
from mpcs_bench.engine.ray.resources import Request, request_of
from mpcs_bench.engine.ray.slot import Slot, Task, start_slot
from mpcs_bench.errors import BenchError
from mpcs_bench.stages.job import StageJob

ROOM_SECONDS = 5.0
"""How long a worker may take to start before idle ones of another kind make room for it."""

IDLE_SECONDS = 60.0
"""How long a worker keeps its part of the cluster without anything to do."""


class RayExecutor(Executor):
    """Runs stages on the cluster that this process has joined; see `Executor`.

    `common` is what most stages ask for: `free` counts by it. `owned` says whether the connection
    to Ray ends with the executor. Raises BenchError, from `submit` and `events`, for what no
    stage can mend: a request that no node can meet, workers that cannot start or run other code.
    """

    def __init__(self, options: RayOptions, common: Request, cluster: Cluster) -> None:
        self._options, self._common, self._cluster = options, common, cluster
        self._orders = Orders(options, cluster)
        self._arrivals = Arrivals()
        self._waiting: deque[Task] = deque()
        self._slots: list[Slot] = []
        self._events: deque[Event] = deque()
        self._failed_starts = 0
        self._leaving = self._closed = False

    @property
    def free(self) -> int:
        """Return how many stages the cluster has room for beside those in flight."""
        if self._leaving:
            return 0
        # At least one, so that a cluster that grows on demand sees a demand.
        most = self._options.jobs or max(1, self._cluster.capacity(self._common))
        return max(0, most - len(self.running))

    @property
    def running(self) -> list[StageJob]:
        """Return the stages that were submitted and have not ended."""
        tasks = [slot.task for slot in self._slots if slot.task is not None]
        return [task.job for task in (*tasks, *self._waiting)] + self._arrivals.jobs

    def submit(self, job: StageJob) -> Place:
        """Hand `job` to an idle worker, or let it wait for one; `Started` says so then.

        Raises BenchError where no node has what it asks for.
        """
        task = Task(job, request_of(job, self._options))
        self._cluster.require(task.request)
        slot = self._idle(task)
        if slot is None or slot.where is None:
            self._waiting.append(task)
            return Place()
        if not self._hand(slot, task):
            return Place()
        return Place(slot.where.pid, slot.where.host)

    def events(self, timeout: float) -> Iterator[Event]:
        """Yield what has happened; wait `timeout` seconds at most for something to happen."""
        self._cluster.check(task.request for task in self._waiting)
        self._place()
        for slot, ref in self._ready(0 if self._events else timeout):
            self._take(slot, ref)
        self._events.extend(self._arrivals.look())
        while self._events:
            yield self._events.popleft()

    def leave(self) -> None:
        """Ask every running stage to write a checkpoint and stop; those that wait leave now."""
        self._leaving = True
        while self._waiting:
            self._events.append(self._waiting.popleft().left())
        for slot in list(self._slots):
            if slot.task is None:
                self._drop(slot)
            else:
                slot.leave()

    def stop(self, key: str) -> None:
        """End the stage `key` at once, with its worker."""
        self._waiting = deque(task for task in self._waiting if task.job.key != key)
        self._arrivals.forget(key)
        for slot in list(self._slots):
            if slot.task is not None and slot.task.job.key == key:
                self._drop(slot)

    def close(self) -> None:
        """End all workers at once, and the connection to Ray where it was made for this."""
        if self._closed:
            return
        self._closed = True
        self._waiting.clear()
        for slot in list(self._slots):
            self._drop(slot)
        self._orders.close()
        self._cluster.leave()

    def _place(self) -> None:
        """Hand what waits to idle workers; start as many as are missing, end what is too many."""
        if self._cluster.lost:
            return  # whatever is asked of it now would block
        for task in list(self._waiting):
            slot = self._idle(task)
            if slot is not None and slot.where is not None:
                self._waiting.remove(task)
                if self._hand(slot, task):
                    self._events.append(Started(task.job.key, slot.where.pid, slot.where.host))
        missing = Counter(task.request for task in self._waiting)
        crowded = False
        for slot in [slot for slot in self._slots if slot.where is None]:
            missing[slot.request] -= 1
            if missing[slot.request] < 0:  # its stage has found another worker, or was stopped
                self._drop(slot)
            else:
                crowded |= slot.age > ROOM_SECONDS
        for slot in [slot for slot in self._slots if slot.idle]:
            if crowded or slot.age > IDLE_SECONDS:
                self._drop(slot)
        for task in self._waiting:
            if missing[task.request] > 0:
                missing[task.request] -= 1
                self._slots.append(start_slot(task.request, task.node))

    def _idle(self, task: Task) -> Slot | None:
        """Return a worker for `task`, best on the node it was on: its checkpoint may be there."""
        found = [slot for slot in self._slots if slot.idle and slot.request == task.request]
        there = [slot for slot in found if slot.where and slot.where.node == task.node]
        return next(iter(there or found), None)

    def _hand(self, slot: Slot, task: Task) -> bool:
        """Give `slot` a stage; a stage whose inputs cannot be read fails."""
        assert slot.where is not None
        try:
            slot.hand(task, self._orders.order(task.job, slot.where.node))
        except BenchError as error:
            self._events.append(Failed(task.job.key, str(error)))
            return False
        return True

    def _ready(self, timeout: float) -> list[tuple[Slot, Any]]:
        """Return the references that have arrived, progress first, each with its worker."""
        import ray

        of = {ref: slot for slot in self._slots for ref in slot.awaited()}
        if not of:
            return []
        refs = list(of)
        found, _ = ray.wait(refs, num_returns=1, timeout=timeout)
        if found:
            found, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
        return sorted(
            ((of[ref], ref) for ref in found), key=lambda pair: bool(pair[1] == pair[0].answer)
        )

    def _take(self, slot: Slot, ref: Any) -> None:
        if slot not in self._slots:
            return  # another of its references said that it died
        if ref == slot.news:
            self._take_news(slot)
        elif ref == slot.answer:
            self._take_answer(slot)
        else:
            self._take_hello(slot)

    def _take_hello(self, slot: Slot) -> None:
        import ray

        try:
            hello = ray.get(slot.hello)
        except ray.exceptions.RayError as error:
            self._drop(slot)
            self._failed_starts += 1
            reason = unstartable(error, self._failed_starts > self._options.retries)
            if reason is not None:
                raise reason from error
            return
        self._failed_starts = 0
        self._cluster.require_code(hello)
        slot.arrived(hello)
        self._place()

    def _take_news(self, slot: Slot) -> None:
        import ray

        ref, slot.news = slot.news, None
        try:
            news = ray.get(ref)
        except ray.exceptions.RayError:
            return  # its answer tells of it too
        if slot.task is None:
            return
        slot.ask()
        if news is not None and news[0] == slot.task.job.key:
            slot.task.tick = news[1]
            self._events.append(Progress(*news))

    def _take_answer(self, slot: Slot) -> None:
        import ray

        task = slot.task
        assert task is not None
        try:
            answer: Answer = ray.get(slot.answer)
        except ray.exceptions.RayTaskError as error:
            slot.finish()
            self._events.append(
                Failed(task.job.key, f"{task.job.symbolic}: {error.cause}", str(error))
            )
        except ray.exceptions.RayError as error:
            self._drop(slot)
            self._mourn(task, error)
        else:
            slot.finish()
            if answer.tick is not None and answer.tick != task.tick:
                self._events.append(Progress(task.job.key, answer.tick))
            self._events.extend(self._arrivals.take(task.job, answer))
            self._place()

    def _mourn(self, task: Task, error: Exception) -> None:
        """Let a stage whose worker died begin again elsewhere, so many times."""
        task.deaths += 1
        if self._leaving:
            self._events.append(task.left())
        elif task.deaths <= self._options.retries:
            self._events.append(Waiting(task.job.key))
            self._waiting.appendleft(task)
        else:
            self._events.append(died(task, error))

    def _drop(self, slot: Slot) -> None:
        self._slots.remove(slot)
        slot.kill()
