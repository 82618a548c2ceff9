"""Measures the shapes of a plan, in processes like those that will run it, and as many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mpcs_bench.engine.measuring import Settings, measuring_crew
from mpcs_bench.engine.stage_work import StageWork
from mpcs_bench.stages.calibration import Calibration, Subject, write_calibration

BUDGET = 10.0
"""Seconds after which a shape is not refined any more."""


def calibrate(
    works: Iterable[StageWork],
    calibration: Calibration,
    path: Path,
    device: str,
    *,
    jobs: int = 1,
    plugin_files: Sequence[str] = (),
    announce: Callable[[str, int, int], None],
    budget: float = BUDGET,
) -> tuple[Calibration, dict[str, str]]:
    """Measure every shape not yet known for `jobs` stages at once, and keep it in `path`.

    So many processes measure it together: stages take of each other's caches, clock and memory.
    Returns the calibration with them, and for each shape (by its key) that could not be measured
    what went wrong. A shape takes about `budget` seconds, and twice that where a step takes long.
    Raises StoreError where `path` cannot be written.
    """
    subjects = _unmeasured(works, calibration, tuple(plugin_files), jobs)
    failures: dict[str, str] = {}
    settings = Settings(device, budget, path.parent)
    done = 0
    for threads in sorted({subject.shape.threads for subject in subjects}):
        mine = [subject for subject in subjects if subject.shape.threads == threads]
        while mine:
            announce("measuring steps", done, len(subjects))
            with measuring_crew(settings, threads, jobs) as crew:
                calibration = replace(
                    calibration,
                    start_seconds=crew.start_seconds,
                    process_bytes=crew.beginning.process_bytes,
                    stage_seconds=crew.beginning.stage_seconds,
                    disk_seconds=crew.beginning.disk_seconds,
                )
                while mine and not crew.gone:
                    subject = mine.pop(0)
                    announce("measuring steps", done, len(subjects))
                    found = crew.measure(subject)
                    done += 1
                    if isinstance(found, str):
                        failures[subject.shape.key] = found
                    else:
                        calibration = calibration.adding(subject.shape, found)
                        write_calibration(path, calibration)
    if subjects:
        announce("measuring steps", done, len(subjects))
    return calibration, failures


def _unmeasured(
    works: Iterable[StageWork], calibration: Calibration, plugin_files: tuple[str, ...], jobs: int
) -> list[Subject]:
    subjects: dict[str, Subject] = {}
    for work in works:
        for shape in work.shapes():
            if work.counts is not None and calibration.of(shape, jobs) is None:
                subjects[shape.key] = Subject(
                    shape=shape,
                    spec=work.spec.spec,
                    source=work.counts.source,
                    classes=work.counts.classes,
                    plugin_files=plugin_files,
                )
    return list(subjects.values())
