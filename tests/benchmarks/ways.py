"""Runs a way of training as a program of its own, on one core, and reads what it took.

A way is a module here with `main(way.read())` that ends in `report`. Processor time is that of
the program and all its processes; on a quiet machine one core's clock says the same.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mpcs_bench.engine.worker_environment import SETTINGS, THREAD_COUNTS

HERE = Path(__file__).parent
MALLOC = {name: value for name, value in SETTINGS.items() if name.startswith("MALLOC")}


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained: the same for every way."""

    root: str
    kind: Literal["finetune", "pretrain"] = "finetune"
    files: tuple[str, ...] = ()
    labels: tuple[int, ...] = ()
    encoder: str = "resnet18"
    size: int = 224
    batch: int = 32
    epochs: int = 2
    precision: str = "fp32"
    workers: int = 0
    always: bool = False
    """Every operation on every image, rather than with the released pipeline's probabilities."""
    scratch: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds by the clock, and of the processor."""

    wall: float
    cpu: float

    def __add__(self, other: Span) -> Span:
        return Span(self.wall + other.wall, self.cpu + other.cpu)


@dataclass(slots=True)
class Course:
    """`before` is what is done once, `epochs` what each epoch took, `after` what follows."""

    before: Span = Span(0, 0)
    epochs: list[Span] = field(default_factory=list)
    after: Span = Span(0, 0)
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> Span:
        return sum(self.epochs, self.before + self.after)

    @property
    def epoch(self) -> float:
        """Processor seconds of the fastest epoch."""
        return min(span.cpu for span in self.epochs)

    def over(self, epochs: int) -> float:
        """Processor seconds that so many epochs would take, at the fastest one's pace."""
        return self.before.cpu + self.after.cpu + epochs * self.epoch


class Watch:
    """A stopwatch that counts the processor seconds of ended child processes too."""

    def __init__(self) -> None:
        self._last = self._now()

    def lap(self) -> Span:
        """Return what has passed since the last lap."""
        last, self._last = self._last, self._now()
        return Span(self._last.wall - last.wall, self._last.cpu - last.cpu)

    @staticmethod
    def _now() -> Span:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = time.process_time() + children.ru_utime + children.ru_stime
        return Span(time.perf_counter(), cpu)


def run_way(way: str, task: Task, *, as_worker: bool) -> Course:
    """Run `way`.py on one core with one thread; `as_worker`: with the settings of a worker."""
    environment = os.environ | dict.fromkeys(THREAD_COUNTS, "1")
    for name in MALLOC:
        environment.pop(name, None)
    if as_worker:
        environment |= SETTINGS
    done = run_program(way, asdict(task), environment)
    return Course(
        before=Span(*done["before"]),
        epochs=[Span(*values) for values in done["epochs"]],
        after=Span(*done["after"]),
        facts=done["facts"],
    )


def run_program(name: str, given: Any, environment: dict[str, str] | None = None) -> Any:
    """Run a module of this folder with `given` as JSON, on one core; return its JSON."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / f"{name}.py"), json.dumps(given)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{name}.py ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def on_one_core() -> Any:
    """Stay on one core from now on, with all children; return what this program was given."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return json.loads(sys.argv[1])


def task_given() -> Task:
    """Return the task of this program, which stays on one core from now on."""
    return Task(**on_one_core())


def report(course: Course) -> None:
    """Print what a way took, as the last thing it does."""
    spans = [[span.wall, span.cpu] for span in (course.before, course.after, *course.epochs)]
    before, after, *epochs = spans
    print(json.dumps({"before": before, "epochs": epochs, "after": after, "facts": course.facts}))
