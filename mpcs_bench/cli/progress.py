"""How a run looks while it goes on: bars on a terminal, one line a stage elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from mpcs_bench.cli.output import stderr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, TaskID

    from mpcs_bench.engine.plan import PlannedStage
    from mpcs_bench.engine.running import Observer
    from mpcs_bench.stages.job import Tick


def observing() -> AbstractContextManager[Observer]:
    """Return the observer that fits where stderr goes."""
    return _bars() if sys.stderr.isatty() else _lines()


class Lines:
    """One line for each thing that happened, with rates and the time that is left."""

    def __init__(self) -> None:
        self._console = stderr()
        self._total = self._done = 0
        self._begun = time.monotonic()
        self._quarters: dict[str, int] = {}

    def expect(self, stages: int) -> None:
        """Say how many stages will run."""
        self._total, self._begun = stages, time.monotonic()
        self._print(f"{stages} stages to run")

    def preparing(self, what: str, done: int, total: int) -> None:
        """Report each quarter of a preparation."""
        quarter = 4 * done // max(total, 1)
        if quarter != self._quarters.get(what):
            self._quarters[what] = quarter
            self._print(f"{what}: {done} of {total}")

    def started(self, stage: PlannedStage) -> None:
        """A start is not worth a line."""

    def progress(self, stage: PlannedStage, tick: Tick) -> None:
        """An epoch is not worth a line."""

    def finished(self, stage: PlannedStage, seconds: float, images_per_second: float) -> None:
        """Report a finished stage."""
        self._done += 1
        self._print(
            f"[{self._done}/{self._total}] {stage.spec.symbolic}: {seconds:.1f} s, "
            f"{images_per_second:.0f} images/s{self._left()}"
        )

    def failed(self, stage: PlannedStage, error: str) -> None:
        """Report a failed stage."""
        self._done += 1
        self._print(f"[{self._done}/{self._total}] failed: {error}")

    def note(self, text: str) -> None:
        """Report a remark."""
        self._print(text)

    def _left(self) -> str:
        left = (time.monotonic() - self._begun) / self._done * (self._total - self._done)
        return f", about {duration(left)} left" if left >= 1 else ""

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


class Bars(Lines):
    """A bar for the whole and one for each stage that runs."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._whole: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}
        self._before: dict[str, int] = {}

    def expect(self, stages: int) -> None:
        """Draw the bar of the whole."""
        self._total, self._begun = stages, time.monotonic()
        if stages:
            self._whole = self._progress.add_task("all stages", total=stages, rate="")

    def preparing(self, what: str, done: int, total: int) -> None:
        """Move the bar of a preparation."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total, rate="")
        self._progress.update(self._tasks[what], completed=done, total=total)
        if done >= total:
            self._clear(what)

    def started(self, stage: PlannedStage) -> None:
        """Draw the bar of a stage; it may start more than once."""
        self._clear(stage.spec.symbolic)
        task = self._progress.add_task(_short(stage.spec.symbolic), total=None, rate="")
        self._tasks[stage.spec.symbolic] = task

    def progress(self, stage: PlannedStage, tick: Tick) -> None:
        """Move the bar of a stage."""
        task = self._tasks[stage.spec.symbolic]
        seconds = self._progress.tasks[self._progress.task_ids.index(task)].elapsed or 0
        # What a stage that goes on has behind it was seen by another attempt.
        images = tick.images - self._before.setdefault(stage.spec.symbolic, tick.images)
        rate = f"{images / seconds:.0f} images/s" if seconds > 0.5 and images else ""
        completed = tick.done + (tick.step / tick.steps if tick.steps else 0)
        self._progress.update(task, completed=completed, total=tick.total, rate=rate)

    def finished(self, stage: PlannedStage, seconds: float, images_per_second: float) -> None:
        """Take the bar of a stage away."""
        self._clear(stage.spec.symbolic)
        self._advance()

    def failed(self, stage: PlannedStage, error: str) -> None:
        """Keep the error above the bars."""
        self._clear(stage.spec.symbolic)
        self._advance()
        self._print(f"failed: {error}")

    def _advance(self) -> None:
        self._done += 1
        if self._whole is not None:
            self._progress.update(self._whole, completed=self._done)

    def _clear(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            self._progress.remove_task(task)

    def _print(self, text: str) -> None:
        self._progress.console.print(text, markup=False, soft_wrap=True)


def _short(symbolic: str) -> str:
    """Return what tells a stage from the others that run: the tail of its readable id."""
    return symbolic if len(symbolic) <= 60 else f"…{symbolic[-59:]}"


def duration(seconds: float) -> str:
    """Return a time as people say it: 40 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def _lines() -> Iterator[Lines]:
    yield Lines()


@contextmanager
def _bars() -> Iterator[Bars]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    # A long name gives way, so that the bar and the times are seen on a narrow terminal too.
    name = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    with Progress(
        TextColumn("{task.description}", table_column=name),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        console=stderr(),
        expand=True,
        transient=True,
    ) as progress:
        yield Bars(progress)
