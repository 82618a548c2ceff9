"""What a user is told when memory ran out: what was needed, what is there, and what would fit.

Nothing is made smaller on its own: another batch size is another experiment.
"""

from __future__ import annotations

import traceback

from mpcs_bench.errors import StageError, first_line
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.stages.attempt import Attempt
from mpcs_bench.stages.calibration import ShapeKind
from mpcs_bench.stages.free_memory import release
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.memory_needs import (
    SLACK,
    Needs,
    NothingFitsError,
    needs_of,
)
from mpcs_bench.stages.predict import evaluation_batch

_STEP_HINT = (
    "Set a batch_size that fits, or use a smaller input_size or precision: bf16. "
    "The batch size is never changed for you: it changes the result."
)
_WHERE = {
    "build": "before the first step",
    "step": "in a training step",
    "look": "outside a training step",
}
_LOOK_HINT = "Use a smaller input_size or precision: bf16; batch_size plays no part there."


def out_of_memory(
    job: StageJob, inputs: StageInputs, attempt: Attempt, error: Exception
) -> StageError:
    """Return the error of a stage whose memory ran out, with the batch sizes that would fit.

    They are measured, with the memory of the stage given back first; where that cannot be done,
    the error says so.
    """
    begun = f"{job.symbolic}: {job.device} is out of memory"
    reason = f"({first_line(error)})"
    if job.kind == "colour-floor":
        return StageError(f"{begun} {reason}.", hint="Run fewer stages at once: fewer --jobs.")
    looking = attempt.doing == "look" or job.kind == "linear"
    training = attempt.training
    batch = int(job.spec["batch_size"]) if training is None else training.batch_size
    del training
    _let_go(attempt, error, job.device)
    try:
        said = _of_look(job, inputs) if looking else _of_step(job, inputs, batch)
    except Exception as failure:  # whatever it is, the first error is the one to tell
        said = f"what would fit could not be estimated: {first_line(failure)}"
    hint = _LOOK_HINT if looking else _STEP_HINT
    return StageError(f"{begun} {_WHERE[attempt.doing]} {reason}: {said}.", hint=hint)


def _of_step(job: StageJob, inputs: StageInputs, batch: int) -> str:
    """Say which batch sizes fit; `batch` is the one that did not, all processes together."""
    views = inputs.strategy(job.spec["strategy"]).views if job.kind == "pretrain" else 1
    kind: ShapeKind = "train-pairs" if job.kind == "pretrain" else "train-classifier"
    name = f"batch_size {job.spec['batch_size']}"
    if batch != job.spec["batch_size"]:
        name += f" (here {batch}: all there are)"
    processes = job.processes
    share = -(-batch // processes) * views  # images of the process that has most
    try:
        needs = needs_of(job, inputs, kind, share)
    except NothingFitsError:
        return f"{name} does not fit, and neither does the smallest there is"
    each = f" in each of {processes} processes" if processes > 1 else ""
    said = f"{name} needs about {_bytes(needs.of(share))}{each}, {_free(job, needs)}"
    if too_large := _look_too_large(job, inputs, needs):
        return f"{said}; {too_large}"
    fits, easily = (images // views * processes for images in (needs.fits, needs.most(0.75)))
    if fits >= batch:
        return f"{said}: something else had taken it, so run again"
    return f"{said}; {fits} would fit" + (f" ({easily} leaves a quarter free)" if easily else "")


def _look_too_large(job: StageJob, inputs: StageInputs, training: Needs) -> str | None:
    """Say that testing, beside the state of the training, does not fit; None where it does."""
    images = _look_size(job, inputs)
    if images <= training.fits:  # looking takes less than learning
        return None
    try:
        needs = _look_needs(job, inputs)
    except NothingFitsError:
        return "testing one image does not fit either"
    whole = needs.of(images) - needs.model_bytes + training.state_bytes
    if whole <= (1 - SLACK) * needs.there:
        return None
    return (
        f"testing {images} images at once needs {_bytes(whole)}, whatever the batch_size: "
        "no batch_size would fit"
    )


def _of_look(job: StageJob, inputs: StageInputs) -> str:
    """Say what testing needs, where batch_size plays no part."""
    images = _look_size(job, inputs)
    try:
        needs = _look_needs(job, inputs)
    except NothingFitsError:
        return "testing one image does not fit"
    return (
        f"testing {images} images at once needs about {_bytes(needs.of(images))} beside the "
        f"state of the training, {_free(job, needs)}"
    )


def _look_needs(job: StageJob, inputs: StageInputs) -> Needs:
    return needs_of(job, inputs, "evaluate", _look_size(job, inputs))


def _look_size(job: StageJob, inputs: StageInputs) -> int:
    transform = Transform.model_validate(job.spec["transform"])
    return min(evaluation_batch(transform, inputs.images.size), len(inputs.index))


def _let_go(attempt: Attempt, error: Exception, device: str) -> None:
    """Give back what the stage held: its frames live on in the error."""
    attempt.training = None
    chain: BaseException | None = error
    while chain is not None:
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__
    release(device)


def _free(job: StageJob, needs: Needs) -> str:
    return f"{_bytes(needs.there)} are free" + ("" if job.device == "cpu" else f" on {job.device}")


def _bytes(value: float) -> str:
    return f"{value / 1e6:.0f} MB" if value < 1e9 else f"{value / 1e9:.1f} GB"
