"""How much one stage computes: images forward and backward, images forward alone, steps.

Arithmetic on a stage's parameters and on how many images it has; nothing is read here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from mpcs_bench.data.augmentation import evaluation_size
from mpcs_bench.protocol.cells import StageSpec
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.stages.batches import steps_per_epoch
from mpcs_bench.stages.calibration import Shape

EVALUATION_BATCH = 128
EVALUATION_PIXELS = EVALUATION_BATCH * 224 * 224
"""Most images, and most pixels, of a forward pass in testing; those of `stages.predict`."""

COMPILING = ("compile", "activation_memory_budget")
"""Settings of how a training step is compiled; a stage that compiles nothing has none of them."""

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Counts:
    """What one stage works on.

    `train`, `validation` and `test` are images (rows of the sample index); `sets` those that a
    pre-training draws from, with `views` images of each in a step. `source` is the working size
    (width, height). `declared`: from what the data set declares, not from the data.
    """

    source: Size
    train: int = 0
    validation: int = 0
    test: int = 0
    sets: int = 0
    views: int = 2
    classes: int = 2
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """What one stage computes from its first step to its last prediction.

    `trained` images go forward and backward in `steps` steps of `batch` images at most;
    `evaluated` images go forward alone, in `passes` passes of `evaluation_batch` at most.
    `at_most`: the stage may stop early. `processes` share each training batch.
    """

    trained: int = 0
    steps: int = 0
    batch: int = 0
    evaluated: int = 0
    passes: int = 0
    evaluation_batch: int = 0
    at_most: bool = False
    processes: int = 1
    epochs: int = 0


def workload(spec: StageSpec, counts: Counts) -> Workload | None:
    """Return what the stage computes; None for a kind that nothing is known of.

    An epoch takes every set, or every training image, once. The test part is predicted once in the
    end, and the part that selects after every epoch too. Pre-training encodes its fold's test part
    in the end; linear evaluation, were it the only stage, encodes its own images once.
    """
    compute = _WORKLOADS.get(spec.kind)
    return compute(spec.spec, counts) if compute else None


def shapes(spec: StageSpec, counts: Counts) -> tuple[Shape | None, Shape | None]:
    """Return the shapes of the stage's training step and of its forward pass; None: it has none.

    Of a kind that nothing is known of: neither.
    """
    if spec.kind not in _WORKLOADS:
        return None, None
    if spec.kind == "colour-floor":
        return None, Shape("colour", {}, counts.source, "fp32", EVALUATION_BATCH)
    values = spec.spec
    shared = {
        "encoder": values["encoder"],
        "precision": values["precision"],
        "threads": values["threads"],
        "deterministic": values["deterministic"],
    }
    transform = Transform.model_validate(values["transform"])
    size = evaluation_size(transform, counts.source)
    testing = Shape("evaluate", size=size, batch=_evaluation_batch(size), **shared)
    named = (name for name in COMPILING if name in values)
    steps = {"optimizer": values["optimizer"]["name"]} | {name: values[name] for name in named}
    if spec.kind == "pretrain":
        training = Shape(
            "train-pairs",
            size=transform.input_size,
            batch=_share(values, counts.sets) * counts.views,
            detail={
                **steps,
                "head": values["head"],
                "loss": values["loss"]["plugin"],
                "views": counts.views,
            },
            **shared,
        )
        return training, testing
    if spec.kind == "finetune":
        training = Shape(
            "train-classifier",
            size=transform.input_size,
            batch=_share(values, counts.train),
            detail=steps,
            **shared,
        )
        return training, testing
    return None, testing


def _share(values: dict[str, Any], items: int) -> int:
    """Return how many items a process takes in a step.

    Of less than a batch there are as many as a power of two: label fractions would otherwise be
    so many shapes to measure.
    """
    there = 1 << max(1, items - 1).bit_length()
    return -(-min(int(values["batch_size"]), there) // int(values.get("processes", 1)))


def _pretrain(values: dict[str, Any], counts: Counts) -> Workload:
    batch, epochs = min(int(values["batch_size"]), counts.sets), int(values["epochs"])
    return replace(
        _evaluation(values, counts, test=counts.test),
        trained=counts.sets * counts.views * epochs,
        steps=steps_per_epoch(counts.sets, batch) * epochs,
        batch=batch * counts.views,
        processes=int(values.get("processes", 1)),
        epochs=epochs,
    )


def _finetune(values: dict[str, Any], counts: Counts) -> Workload:
    batch, epochs = min(int(values["batch_size"]), counts.train), int(values["epochs"])
    selection = values["selection"]
    looks = {"validation": counts.validation, "test": counts.test}.get(selection["rule"], 0)
    return replace(
        _evaluation(values, counts, counts.test, counts.validation, looks),
        trained=counts.train * epochs,
        steps=steps_per_epoch(counts.train, batch) * epochs,
        batch=batch,
        at_most=looks > 0 and selection.get("patience") is not None,
        epochs=epochs,
    )


def _linear(values: dict[str, Any], counts: Counts) -> Workload:
    # All parts are encoded in one go; the layer on top costs next to nothing.
    every = counts.train + counts.validation + counts.test
    return _evaluation(values, counts, test=every)


def _colour_floor(_values: dict[str, Any], counts: Counts) -> Workload:
    every = counts.train + counts.validation + counts.test
    return Workload(evaluated=every, passes=1, evaluation_batch=1)


_WORKLOADS: dict[str, Callable[[dict[str, Any], Counts], Workload]] = {
    "pretrain": _pretrain,
    "finetune": _finetune,
    "linear": _linear,
    "colour-floor": _colour_floor,
}
KINDS = frozenset(_WORKLOADS)
"""The kinds of stages whose work is known."""


def _evaluation(
    values: dict[str, Any], counts: Counts, test: int, validation: int = 0, looks: int = 0
) -> Workload:
    """Return the work of `test` and `validation` images once, and `looks` after every epoch."""
    size = evaluation_size(Transform.model_validate(values["transform"]), counts.source)
    batch, epochs = _evaluation_batch(size), int(values.get("epochs", 0))
    return Workload(
        evaluated=test + validation + epochs * looks,
        passes=-(-test // batch) - (-validation // batch) - epochs * (-looks // batch),
        evaluation_batch=min(batch, max(test, validation, looks)),
    )


def _evaluation_batch(size: Size) -> int:
    return max(1, min(EVALUATION_BATCH, EVALUATION_PIXELS // (size[0] * size[1])))
