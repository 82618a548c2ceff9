"""What steps of a stage need in memory, by their batch size, and which batch size fits.

Steps are taken at batch sizes that double, as long as the next is likely to fit; a line through
the last two says what others need; and the one that is said to fit has been taken, too. On the CPU
a process of its own takes them: it has as much room as a stage that begins, and where it is killed
nothing else is.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mpcs_bench.protocol.transform import Transform
from mpcs_bench.stages.calibration import Shape, ShapeKind, Subject
from mpcs_bench.stages.free_memory import free_bytes, limit_address_space, release
from mpcs_bench.stages.images import RESIDENT_SHARE
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.memory_meter import Meter, memory_meter
from mpcs_bench.stages.reasons import is_out_of_memory

if TYPE_CHECKING:
    from mpcs_bench.stages.calibration_steps import Probe

BUDGET = 60.0
"""Seconds after which no larger step is begun."""

TIMEOUT = 300.0
"""Seconds after which nothing more is expected of the process that measures."""

NEAR = 0.9
"""A step is not taken that is likely to need more than this share of the room."""

SLACK = 0.05
"""Share of the memory that a batch which is said to fit leaves, for what was not measured."""


class NothingFitsError(Exception):
    """Not even the smallest step could be taken."""


@dataclass(frozen=True, slots=True)
class Needs:
    """A step of n images needs `fixed + n * each` bytes, of `there` that are there.

    `fixed` holds what the stage has beside its steps. `state_bytes` are weights, gradients and
    the optimizer's state, `model_bytes` the weights alone: both are in `fixed`. `fits` images
    were seen to fit; steps are of a multiple of `unit` images.
    """

    fixed: float
    each: float
    there: int
    state_bytes: int
    model_bytes: int
    fits: int
    unit: int

    def of(self, images: int) -> int:
        """Return the bytes that a step of `images` images needs."""
        return round(self.fixed + images * self.each)

    def most(self, share: float) -> int:
        """Return how many images need no more than `share` of what is there; 0 where none do."""
        images = int((share * self.there - self.fixed) / self.each) // self.unit * self.unit
        return max(0, min(images, self.fits))


def needs_of(job: StageJob, inputs: StageInputs, kind: ShapeKind, images: int) -> Needs:
    """Return what steps of `kind` need in one process, and how much is there for them.

    `images` is the most that a process takes at once: its share, where several cut the batch.

    Raises NothingFitsError, and RuntimeError or OSError with the reason where they cannot be
    measured.
    """
    if job.device != "cpu":
        return measure_needs(job, inputs, kind, images)
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=pickle.dumps((job, kind, images)),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"it took more than {TIMEOUT:.0f} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise RuntimeError(said or f"the process that measures ended with {done.returncode}")
    answer = json.loads(done.stdout)
    if answer is None:
        raise NothingFitsError
    return Needs(**answer)


def measure_needs(job: StageJob, inputs: StageInputs, kind: ShapeKind, images: int) -> Needs:
    """Return what steps need in this process; raises NothingFitsError."""
    from mpcs_bench.stages.calibration_memory import state_dict_bytes, training_bytes
    from mpcs_bench.stages.calibration_steps import build_probe

    release(job.device)
    there, frames = free_bytes(job.device), inputs.images.nbytes
    held = frames if job.device != "cpu" and frames <= RESIDENT_SHARE * there else 0
    meter = memory_meter(job.device)
    if job.device == "cpu":
        limit_address_space(round((1 - SLACK) * there))
    try:
        probe = build_probe(_subject(job, inputs, kind, images), job.device)
        if job.kind != "pretrain" and job.spec["selection"]["rule"] != "last":
            held += state_dict_bytes(probe.model)  # the best epoch so far
        steps = FittingSteps(probe, images, (1 - SLACK) * there - held, meter)
        steps.double()
        fits = steps.largest()
    except Exception as error:
        if is_out_of_memory(error):
            raise NothingFitsError from None
        raise
    if not fits:
        raise NothingFitsError
    fixed, each = steps.line()
    return Needs(
        fixed=fixed + held,
        each=each,
        there=there,
        state_bytes=training_bytes(probe.model, probe.optimizer),
        model_bytes=state_dict_bytes(probe.model),
        fits=fits,
        unit=probe.unit,
    )


def _subject(job: StageJob, inputs: StageInputs, kind: ShapeKind, images: int) -> Subject:
    spec = job.spec
    views = inputs.strategy(spec["strategy"]).views if kind == "train-pairs" else 1
    shape = Shape(
        kind,
        encoder=spec["encoder"],
        size=Transform.model_validate(spec["transform"]).input_size,
        precision=spec["precision"],
        batch=images,
        threads=spec["threads"],
        deterministic=spec["deterministic"],
        detail={"views": views},
    )
    classes = len(inputs.index.dataset.classes)
    return Subject(shape, spec, inputs.images.size, classes, job.plugin_files)


class FittingSteps:
    """Steps taken within `room` bytes, of `batch` images at most."""

    def __init__(self, probe: Probe, batch: int, room: float, meter: Meter) -> None:
        self._probe, self._batch, self._room, self._meter = probe, batch, room, meter
        self._deadline = time.monotonic() + BUDGET
        self._last = 0.0
        self._points: list[tuple[int, int]] = []
        self._fits = 0

    def double(self) -> None:
        """Take steps that double, the smallest whatever it takes: it raises where it cannot."""
        images = self._probe.least
        self._take(images)
        while self._fits == images < self._batch and self._in_time():
            images = min(2 * images, self._batch)
            # Of one step alone it cannot be said what of its memory grows.
            if len(self._points) > 1 and self._expected(images) > NEAR * self._room:
                return
            self._fitted(images)

    def largest(self) -> int:
        """Return the largest step that fits, of those that were taken; at most five more are."""
        below = self._batch
        for _ in range(5):
            fixed, each = self.line()
            images = int(min((self._room - fixed) / each, below))
            images -= images % self._probe.unit
            if images <= 1.05 * self._fits or not self._in_time():
                break
            if not self._fitted(images):
                below = min(images - self._probe.unit, round(0.93 * images))
        return self._fits

    def line(self) -> tuple[float, float]:
        """Return (fixed, per image) through the last two steps, or through the last and 0.

        Raises RuntimeError where nothing could be measured.
        """
        if not self._points:
            raise RuntimeError("no step took more memory than there was at hand")
        large, larger = self._points[-1]
        if len(self._points) > 1:
            small, smaller = self._points[-2]
            slope = (larger - smaller) / (large - small)
            if 0 < slope * large <= larger:
                return larger - slope * large, slope
        return 0.0, larger / large

    def _expected(self, images: int) -> float:
        fixed, each = self.line()
        return fixed + images * each

    def _in_time(self) -> bool:
        return time.monotonic() + 2 * self._last < self._deadline

    def _fitted(self, images: int) -> bool:
        """Say whether a step of `images` images can be taken within the room."""
        try:
            self._take(images)
        except Exception as error:
            if is_out_of_memory(error):
                return False
            raise
        return self._fits == images

    def _take(self, images: int) -> None:
        started = time.monotonic()
        grown = self._meter(lambda: self._probe.step(images))
        self._last = time.monotonic() - started
        if grown is not None:
            self._points = sorted({*self._points, (images, grown)})
        if grown is None or grown <= self._room:
            self._fits = max(self._fits, images)


def main() -> None:
    """Answer the question on standard input: needs as JSON, or null where nothing fits."""
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a plugin prints is no answer
    # What a worker has imported and opened before its first step takes room too.
    import mpcs_bench.stages.execute  # noqa: F401

    job, kind, images = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own process wrote it
    try:
        answer = asdict(measure_needs(job, StageInputs.open(job), kind, images))
    except NothingFitsError:
        answer = None
    os.write(answers, json.dumps(answer).encode())


if __name__ == "__main__":
    main()
