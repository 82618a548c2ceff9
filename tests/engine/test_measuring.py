"""Processes that measure together: their mean counts, and one that dies keeps nobody waiting."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from threading import Thread

from mpcs_bench.engine.measuring import KILLED, Beginning, MeasuringCrew
from mpcs_bench.stages.calibration import Measurement, Shape, Subject

SUBJECT = Subject(Shape("colour", {}, (8, 8), "fp32", 4), {}, (8, 8), 2)


def measured(
    seconds: float, held: int, batches: tuple[int, int], spread: float | None
) -> Measurement:
    """Return what one process measured."""
    return Measurement(
        step_seconds=seconds,
        image_seconds=seconds,
        spread=spread,
        repeats=3,
        batches=batches,
        setup_seconds=seconds,
        state_bytes=held,
        fixed_bytes=held,
        image_bytes=held,
        encoder_bytes=7,
        model_bytes=7,
        at_once=2,
    )


def crew_of(processes: int) -> tuple[MeasuringCrew, list[Connection]]:
    """Return a crew, and the ends of its processes, which have begun."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(processes)]
    for number, (_, theirs) in enumerate(pipes):
        theirs.send(Beginning(100 * number, 1.0 + number, 0.5, 0.0))
    crew = MeasuringCrew([], [ours for ours, _ in pipes], context.Barrier(processes))
    return crew, [theirs for _, theirs in pipes]


def test_times_are_averaged_and_memory_is_the_most() -> None:
    crew, theirs = crew_of(2)
    assert (crew.beginning.process_bytes, crew.beginning.stage_seconds) == (100, 1.5)
    theirs[0].send(measured(1.0, 10, (2, 4), 0.1))
    theirs[1].send(measured(3.0, 30, (4, 8), None))
    found = crew.measure(SUBJECT)
    assert isinstance(found, Measurement)
    assert (found.step_seconds, found.image_seconds, found.setup_seconds) == (2.0, 2.0, 2.0)
    assert (found.state_bytes, found.fixed_bytes, found.image_bytes) == (30, 30, 30)
    assert (found.batches, found.spread, found.at_once) == ((4, 8), 0.1, 2)


def test_what_one_cannot_measure_is_not_measured() -> None:
    crew, theirs = crew_of(2)
    theirs[0].send(measured(1.0, 10, (2, 4), 0.1))
    theirs[1].send("ValueError: no such layer")
    assert crew.measure(SUBJECT) == "ValueError: no such layer"
    assert not crew.gone


def test_one_that_dies_is_seen_while_the_others_are_at_work() -> None:
    crew, theirs = crew_of(2)

    def die() -> None:
        assert theirs[1].recv() == SUBJECT
        theirs[1].close()

    dying = Thread(target=die)
    dying.start()
    assert crew.measure(SUBJECT) == KILLED  # the first never answers
    dying.join()
    assert crew.gone
