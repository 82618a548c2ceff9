"""Measuring a shape: its step is built, taken a few times, and its memory counted."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from mpcs_bench.stages.calibration import Measurement, Subject
from mpcs_bench.stages.calibration_memory import (
    ActivationCounter,
    PeakMemory,
    state_dict_bytes,
    training_bytes,
)
from mpcs_bench.stages.calibration_steps import build_probe
from mpcs_bench.stages.calibration_timing import time_steps
from mpcs_bench.stages.free_memory import free_bytes

REBUILT = 3.0
"""A network that took so many seconds to build is not built again."""

EPOCHS = 9
"""Beginnings of an epoch that are timed."""

ROOM_SHARE = 0.5
"""Share of the free memory that the tensors of a step may take: kernels take some, too."""


class ShapeMeasurer:
    """The step of one shape on `device`, built twice and ready to be timed.

    Raises what building the plugins raises.
    """

    def __init__(self, subject: Subject, device: str) -> None:
        self._shape, self._place = subject.shape, torch.device(device)
        self._clock = _clock(self._place, self._shape.threads)
        begun = self._clock()
        self._probe = build_probe(subject, device)
        self._setup = first = self._clock() - begun
        self._compiled = self._shape.detail.get("compile", "off") != "off"
        if first < REBUILT:  # the first time loads code, which a stage finds loaded
            begun = self._clock()
            again = build_probe(subject, device)
            self._setup = min(first, self._clock() - begun)
            del again
        self._first = first - self._setup
        self._peak = PeakMemory()
        self._state = training_bytes(self._probe.model, None)

    def step(self) -> None:
        """Take a step that nobody times: the smallest."""
        self._probe.step(min(self._probe.least, self._shape.batch))

    def measure(self, budget: float, at_once: int = 1) -> Measurement:
        """Time steps for about `budget` seconds, while `at_once` processes do; raises theirs."""
        probe, batch = self._probe, self._shape.batch
        counter = ActivationCounter(self._place, probe.model, trains=probe.optimizer is not None)
        # A first step that compiles, or loads a GPU's kernels, is no step to judge others by.
        if self._compiled or self._place.type == "cuda":
            begun = self._clock()
            self.step()
            self._first += self._clock() - begun
        timing = time_steps(
            probe.step,
            least=probe.least,
            most=batch,
            unit=probe.unit,
            budget=budget,
            clock=self._clock,
            counting=counter.counting,
            room=lambda: self._room(counter, at_once),
        )
        fixed_bytes, image_bytes = counter.line()
        state_bytes = training_bytes(probe.model, probe.optimizer)
        largest = timing.batches[1]
        if self._place.type == "cpu":
            # Weights stood there before the peak was looked for.
            grown = self._peak.grown() + self._state
            beside = grown - state_bytes - fixed_bytes - largest * image_bytes
            image_bytes += max(0, beside) // largest
        return Measurement(
            step_seconds=timing.step_seconds,
            image_seconds=timing.image_seconds,
            spread=timing.spread,
            repeats=timing.repeats,
            batches=timing.batches,
            setup_seconds=self._setup,
            state_bytes=state_bytes,
            fixed_bytes=fixed_bytes,
            image_bytes=image_bytes,
            encoder_bytes=state_dict_bytes(probe.encoder),
            model_bytes=state_dict_bytes(probe.model),
            first_seconds=self._first + timing.first_seconds,
            epoch_seconds=self._epoch_seconds(),
            at_once=at_once,
        )

    def _epoch_seconds(self) -> float:
        if self._probe.epoch is None:
            return 0.0
        taken = []
        for _ in range(EPOCHS):
            begun = self._clock()
            self._probe.epoch()
            taken.append(self._clock() - begun)
        return statistics.median(taken)

    def _room(self, counter: ActivationCounter, at_once: int) -> int:
        """Return how many images this process may try: others want as much, and more is needed."""
        try:
            free = free_bytes(str(self._place))
        except OSError:
            return self._shape.batch
        fixed, each = counter.line()
        return int((ROOM_SHARE * free / at_once - fixed) / max(each, 1))


def _clock(device: torch.device, threads: int) -> Callable[[], float]:
    """Return the clock that says what a step takes of the device.

    With one thread on the CPU that is processor time: what else the machine does now is not in it.
    """
    if device.type == "cpu":
        return time.process_time if threads == 1 else time.perf_counter

    def finished() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return finished
