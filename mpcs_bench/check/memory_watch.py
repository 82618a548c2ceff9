"""An observer that also notes how much RAM the process of each stage had."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from mpcs_bench.check.reference_step import peak_bytes
from mpcs_bench.engine.plan import PlannedStage
from mpcs_bench.engine.running import Observer
from mpcs_bench.errors import BenchError
from mpcs_bench.records import read_result
from mpcs_bench.stages.job import Tick


class MemoryWatch:
    """Tells `observer` all that it hears; `peaks` maps keys to bytes."""

    def __init__(self, observer: Observer, results: Path) -> None:
        self._observer, self._results = observer, results
        self.peaks: dict[str, int] = {}

    def preparing(self, what: str, done: int, total: int) -> None:
        """Pass it on."""
        self._observer.preparing(what, done, total)

    def expect(self, stages: int) -> None:
        """Pass it on."""
        self._observer.expect(stages)

    def started(self, stage: PlannedStage) -> None:
        """Pass it on."""
        self._observer.started(stage)

    def progress(self, stage: PlannedStage, tick: Tick) -> None:
        """Pass it on."""
        self._observer.progress(stage, tick)

    def finished(self, stage: PlannedStage, seconds: float, images_per_second: float) -> None:
        """Read the peak of the worker, which has nothing else to do yet, and have it forget it."""
        self._observer.finished(stage, seconds, images_per_second)
        if stage.key is None:
            return
        with suppress(BenchError, KeyError, ValueError):
            pid = int(read_result(self._results / stage.key).manifest.notes["pid"])
            self.peaks[stage.key] = peak_bytes(pid)
            with suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")

    def failed(self, stage: PlannedStage, error: str) -> None:
        """Pass it on."""
        self._observer.failed(stage, error)

    def note(self, text: str) -> None:
        """Pass it on."""
        self._observer.note(text)
