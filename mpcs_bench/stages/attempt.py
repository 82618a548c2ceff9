"""One attempt at a stage: it goes on where the one before left off, and can be left itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from mpcs_bench.errors import StageError, StoreError, first_line
from mpcs_bench.records.json_file import now
from mpcs_bench.stages.checkpoint import Checkpoint, CheckpointFolder, Standing
from mpcs_bench.stages.distributed import world
from mpcs_bench.stages.job import StageJob, Tick
from mpcs_bench.stages.reasons import is_out_of_memory
from mpcs_bench.stages.training import Training, broken_weights, not_finite
from mpcs_bench.stages.watch import StageInterrupted, Watch

T = TypeVar("T", bound=Training)

TELL_SECONDS = 20.0
"""Seconds between two words of a stage that compiles, so that nobody takes it for hanging."""

COMPILE_SECONDS = 7200.0
"""Seconds after which a stage that still compiles says nothing more."""

Doing = Literal["build", "step", "look"]
"""Building a training, taking a step of it, looking at images in testing."""


class Attempt:
    """Advances the training of a stage, reports, writes checkpoints, and leaves when asked to.

    `history` and `images` are those of all attempts so far; `doing` is what is under way.
    """

    def __init__(self, job: StageJob, watch: Watch) -> None:
        self._begun = self._opened = time.perf_counter()
        self._cpu_begun = time.process_time()
        self.job = job
        self.history: list[dict[str, Any]] = []
        self.images = 0
        self.doing: Doing = "build"
        self.training: Training | None = None
        self._watch = watch
        self._epochs = int(job.spec.get("epochs", 1))
        self._epoch = self._step = 0
        self._earlier = Standing()
        self._remarks: list[str] = []
        self._remarked: set[str] = set()
        self._saved_at = time.monotonic()
        self._saved: tuple[int, int] | None = None
        self._compiles = job.spec.get("compile", "off") != "off"
        build = {"torch": torch.__version__, "device": torch.device(job.device).type}
        self._checkpoints = CheckpointFolder(job.checkpoints, job.key, build, self._remark)

    def opened(self) -> None:
        """Say that the inputs are open: what follows is the stage's own work."""
        self._opened = time.perf_counter()

    @property
    def epochs_done(self) -> int:
        """Return how many epochs have been run to their end."""
        return self._epoch

    def train(self, build: Callable[[], T]) -> T:
        """Build a training and run it to its end, from its last checkpoint where it has one.

        Raises StageError, naming stage, epoch and last checkpoint, when a value is not finite,
        and StageInterrupted when it is left.
        """
        training = self._taken_up(build)
        self.training, self._epochs = training, training.epochs
        while self._epoch < training.epochs and not training.stopped:
            self._run_epoch(training)
        return training

    def over(self, images: int) -> None:
        """Say that a stage without a training is done, after so many images."""
        self.images = images
        self._epoch = self._epochs
        self._tell()

    def pulse(self) -> None:
        """Report, write a checkpoint where one is due, and leave where that is asked for.

        Called where the state is whole: after a step, and between the batches of an evaluation.
        Raises StageInterrupted, and StageError as `train` does.
        """
        self._tell()
        leaving = self._watch.leaving()
        waited = time.monotonic() - self._saved_at
        # While test images are predicted a training stands still: once is enough.
        due = waited >= self._watch.checkpoint_seconds and self._saved != (self._epoch, self._step)
        leaving, due = world.agreed(leaving, due)
        if leaving or due:
            self._save()
        if leaving:
            raise StageInterrupted(self._epoch, self._epochs)

    def finite_state(self, module: nn.Module) -> dict[str, torch.Tensor]:
        """Return the weights of `module` as a file holds them: on the CPU, contiguous.

        Raises StageError where one is not finite: the last step of a training can break it and
        leave every loss finite.
        """
        if name := broken_weights(module):
            raise self.diverged(f"the weights '{name}' are not finite after the last epoch")
        return {name: value.cpu().contiguous() for name, value in module.state_dict().items()}

    def diverged(self, what: str) -> StageError:
        """Return the error of a training whose numbers ran away."""
        hint = "Lower the stage's optimizer.learning_rate"
        if self.job.kind == "pretrain":
            hint += ", or raise the temperature of its loss"
        last = self._checkpoints.newest
        before = f" Its last good checkpoint is {last}." if last else ""
        return StageError(f"{self.job.symbolic}: {what}.{before}", hint=f"{hint}.")

    def timings(self, images: int) -> dict[str, Any]:
        """Return the seconds of all attempts, and images per second of the stage's own work.

        `cpu_seconds`, those of this process and all its threads, only where one attempt did it all.
        """
        standing = self._standing()
        worked = max(standing.seconds - standing.open_seconds, 1e-9)
        found = {
            "seconds": standing.seconds,
            "open_seconds": standing.open_seconds,
            "images_per_second": images / worked,
        }
        if not standing.resumed:
            found["cpu_seconds"] = time.process_time() - self._cpu_begun
        return found

    def notes(self) -> dict[str, Any]:
        """Return what a reader should know: where later attempts went on, and what was odd."""
        standing = self._standing()
        notes = {"resumed": list(standing.resumed), "checkpoints": list(standing.remarks)}
        return {name: value for name, value in notes.items() if value}

    def finish(self) -> None:
        """Remove the checkpoints: the result stands."""
        self._checkpoints.remove()

    def _run_epoch(self, training: Training) -> None:
        epoch = self._epoch
        if self._step == 0:
            training.begin(epoch)
        while self._step < training.steps:
            self.doing = "step"
            with self._telling() if self._compiles else nullcontext():
                training.step(self._step)
            self._compiles = False
            self.doing = "look"
            self._step += 1
            self.pulse()
        values = training.end(epoch)
        self._require_finite(values)
        self.history += [
            {"epoch": epoch, "name": name, "value": value} for name, value in values.items()
        ]
        self.images += training.images_per_epoch
        self._epoch, self._step = epoch + 1, 0
        self._tell()

    def _taken_up(self, build: Callable[[], T]) -> T:
        training = build()
        for checkpoint, state in self._checkpoints.whole():
            try:
                self._take_up(training, checkpoint, state)
            except Exception as error:  # a plugin's module can refuse a state in any way
                if is_out_of_memory(error):
                    raise
                self._checkpoints.discard(checkpoint.path, f"does not fit: {first_line(error)}")
                training = build()
            else:
                break
        self.training, self._epochs = training, training.epochs
        self.doing = "look"
        if self._earlier.resumed:
            self._tell()
        return training

    def _take_up(
        self, training: Training, checkpoint: Checkpoint, state: Mapping[str, Any]
    ) -> None:
        standing = checkpoint.standing
        if standing.step:
            training.begin(standing.epoch)
        training.restore(state["training"])
        self.history, self.images = list(state["history"]), int(state["images"])
        self._epoch, self._step = self._saved = standing.epoch, standing.step
        begun = {
            "epoch": standing.epoch,
            "step": standing.step,
            "written": checkpoint.written,
            "at": now(),
        }
        self._earlier = replace(standing, resumed=(*standing.resumed, begun))

    def _save(self) -> None:
        self._saved_at = time.monotonic()
        if self.training is None:
            return
        self._require_finite(self.training.values())
        # Where several share the training they do this together: one that fails must not go on.
        if name := broken_weights(self.training.model):
            self._remark_once(f"no checkpoint of what is not finite ('{name}')")
            return
        state = self._state(self.training)
        try:
            if world.leads():
                self._checkpoints.write(state, self._standing())
        except (StoreError, RuntimeError, MemoryError) as error:
            # What is lost is time, should the training be interrupted: that alone is no end to it.
            self._remark_once(f"no checkpoint could be written ({first_line(error)})")
        else:
            self._saved = (self._epoch, self._step)

    def _state(self, training: Training) -> dict[str, Any]:
        return {
            "epoch": self._epoch,
            "step": self._step,
            "training": training.state(),
            "history": self.history,
            "images": self.images,
        }

    def _standing(self) -> Standing:
        earlier = self._earlier
        return Standing(
            epoch=self._epoch,
            step=self._step,
            seconds=earlier.seconds + time.perf_counter() - self._begun,
            open_seconds=earlier.open_seconds + self._opened - self._begun,
            resumed=earlier.resumed,
            remarks=(*earlier.remarks, *self._remarks),
        )

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Report again and again within the block: the first step compiles, which may take long.

        The thread that works there says nothing meanwhile: two never speak at once.
        """
        over = threading.Event()

        def tell() -> None:
            for _ in range(int(COMPILE_SECONDS / TELL_SECONDS)):
                if over.wait(TELL_SECONDS):
                    return
                self._tell()

        thread = threading.Thread(target=tell, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _tell(self) -> None:
        images, steps = self.images, 0
        if self.training is not None:
            steps = self.training.steps
            images += self.training.images_per_epoch * self._step // steps
        self._watch.report(Tick(self._epoch, self._epochs, images, self._step, steps))

    def _require_finite(self, values: Mapping[str, float]) -> None:
        if what := not_finite(values):
            raise self.diverged(f"{what} in epoch {self._epoch}")

    def _remark(self, text: str) -> None:
        self._remarks.append(f"{now()}: {text}")

    def _remark_once(self, text: str) -> None:
        if text not in self._remarked:
            self._remarked.add(text)
            self._remark(f"{text}, in epoch {self._epoch} and perhaps later")
