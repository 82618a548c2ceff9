"""One warm worker as the driver sees it: an actor, what it holds, and what it is doing."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from mpcs_bench.engine.events import Left
from mpcs_bench.engine.ray.messages import Hello, Order
from mpcs_bench.engine.ray.resources import Request
from mpcs_bench.engine.ray.stage_actor import NEWS, ORDERS, StageActor
from mpcs_bench.engine.worker_environment import SETTINGS, THREAD_COUNTS
from mpcs_bench.stages.job import StageJob, Tick


@dataclass(slots=True, eq=False)
class Task:
    """A stage on its way: how often its worker died, the node it was on last, how far it came."""

    job: StageJob
    request: Request
    deaths: int = 0
    node: str | None = None
    tick: Tick | None = None

    def left(self) -> Left:
        """Return the event of a stage that was told to leave where it stands."""
        tick = self.tick or Tick(0, int(self.job.spec.get("epochs", 0)), 0)
        return Left(self.job.key, tick.done, tick.total)


@dataclass(slots=True, eq=False)
class Slot:
    """A worker. `hello` is awaited first; `answer` and `news` while it has a `task`."""

    request: Request
    actor: Any
    hello: Any
    where: Hello | None = None
    task: Task | None = None
    answer: Any = None
    news: Any = None
    since: float = field(default_factory=time.monotonic)

    @property
    def idle(self) -> bool:
        """Say whether it is up and has nothing to do."""
        return self.where is not None and self.task is None

    @property
    def age(self) -> float:
        """Return for how many seconds it has been starting, idle, or at its stage."""
        return time.monotonic() - self.since

    def awaited(self) -> list[Any]:
        """Return the references whose arrival says something."""
        return [ref for ref in (self.hello, self.answer, self.news) if ref is not None]

    def arrived(self, hello: Hello) -> None:
        """Take note that the worker is up."""
        self.where, self.hello, self.since = hello, None, time.monotonic()

    def hand(self, task: Task, order: Order) -> None:
        """Give the worker a stage."""
        assert self.where is not None
        self.task, task.node = task, self.where.node
        self.answer = self.actor.run.remote(order)
        self.ask()

    def ask(self) -> None:
        """Ask for progress, unless a question is open still."""
        if self.news is None:
            self.news = self.actor.news.options(concurrency_group=NEWS).remote()

    def finish(self) -> None:
        """Take note that the stage has ended."""
        self.task, self.answer, self.since = None, None, time.monotonic()

    def leave(self) -> None:
        """Ask the stage to write a checkpoint and stop."""
        self.actor.leave.options(concurrency_group=ORDERS).remote()

    def kill(self) -> None:
        """End the worker at once."""
        import ray

        with contextlib.suppress(ray.exceptions.RayError):  # it is gone already
            ray.kill(self.actor, no_restart=True)


def start_slot(request: Request, node: str | None) -> Slot:
    """Start a worker that holds `request`, on `node` where there is room, else anywhere.

    Its environment stands before its Python starts: torch reads it at import.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    actor = (
        _actor_class()
        .options(
            num_cpus=request.cpus,
            num_gpus=request.gpus,
            memory=request.memory,
            resources=dict(request.others),
            runtime_env={"env_vars": environment(request.threads)},
            scheduling_strategy=(
                NodeAffinitySchedulingStrategy(node, soft=True) if node else "DEFAULT"
            ),
        )
        .remote()
    )
    return Slot(request, actor, actor.hello.options(concurrency_group=ORDERS).remote())


def environment(threads: int) -> dict[str, str]:
    """Return the variables of a worker whose stages have `threads` CPU threads."""
    return SETTINGS | dict.fromkeys(THREAD_COUNTS, str(threads))


@lru_cache(maxsize=1)
def _actor_class() -> Any:
    import ray

    return ray.remote(concurrency_groups={NEWS: 1, ORDERS: 1})(StageActor)
