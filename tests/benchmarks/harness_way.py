"""Training as the harness does it: its own index, cache, working images and stages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ways import Course, Task, Watch, report, task_given

WORKING_SIZES = {224: (341, 224), 96: (160, 105)}
"""The images' own shape, at about the size that the network sees."""
MAGNIFICATIONS = [200, 400]
DESCRIBED: dict[str, Any] = {
    "flip": {"horizontal": 0.3, "vertical": 0.3},
    "rotation": {"degrees": 180, "p": 0.3},
    "affine": {"translate": 0.05, "p": 0.2},
    "colour": {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1, "p": 0.3},
}
"""The released pipeline's operations, as `released_way` has them."""
SIMCLR: dict[str, Any] = {
    "flip": {},
    "rotation": {"degrees": 90},
    "affine": {"zoom": [1.0, 2.0]},
    "colour": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1, "p": 0.8},
}
"""The operations that the peers' ways are given."""


def _spec(task: Task, plugins: Any) -> dict[str, Any]:
    from mpcs_bench.protocol.schema import Finetuning, Pretraining
    from mpcs_bench.protocol.settings import identity

    settings: dict[str, Any] = {
        "dataset": "tissue",
        "transform": {"input_size": [task.size, task.size]},
        "optimizer": {"name": "adam", "learning_rate": 2e-5},
        "epochs": task.epochs,
        "batch_size": task.batch,
    }
    shared = {
        "encoder": plugins.resolve("encoder", f"timm/{task.encoder}").identity(),
        "fold": 0,
        "seed": 0,
        "replicate": 0,
        "precision": task.precision,
        "threads": 1,
        "deterministic": True,
    }
    if task.kind == "finetune":
        settings["transform"] |= {
            name: values | ({"p": 1.0} if task.always and "p" in values else {})
            for name, values in DESCRIBED.items()
        }
        spec = identity(Finetuning.model_validate(settings)) | shared
        del spec["test_magnifications"]
        axes = {"train_magnification": None, "test_magnifications": None, "label_fraction": 1.0}
        return spec | axes
    settings["transform"] |= SIMCLR
    settings |= {
        "strategy": "fixed",
        "loss": {"plugin": "nt-xent", "params": {"temperature": 0.2}},
        "head": {"widths": [512, 128]},
        "parts": ["label"],
        "magnifications": MAGNIFICATIONS,
    }
    spec = identity(Pretraining.model_validate(settings)) | shared
    for name in ("strategy", "loss"):
        spec[name] = plugins.resolve(name, spec[name]["plugin"], spec[name]["params"]).identity()
    return spec | {"magnifications": MAGNIFICATIONS}


class Rendering:
    """Processor seconds that training spends on making views."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.over = False

    @contextmanager
    def timed(self) -> Iterator[None]:
        from mpcs_bench.stages.images import WorkingImages

        views = WorkingImages.views

        def timed_views(images: Any, *given: Any, **options: Any) -> Any:
            start = time.process_time()
            made = views(images, *given, **options)
            self.seconds += 0 if self.over else time.process_time() - start
            return made

        WorkingImages.views = timed_views  # type: ignore[method-assign]
        try:
            yield
        finally:
            WorkingImages.views = views  # type: ignore[method-assign]


def main(task: Task) -> None:
    import numpy as np

    from mpcs_bench.data.index_build import build_index
    from mpcs_bench.data.splits import PART_CODES, SplitTable
    from mpcs_bench.data.working import working_frames
    from mpcs_bench.registry.registry import Registry
    from mpcs_bench.stages.execute import execute
    from mpcs_bench.stages.job import StageJob, Tick
    from mpcs_bench.stages.watch import Watch as StageWatch
    from mpcs_paper.datasets.breakhis import BreakHis

    plugins = Registry.discover()
    spec = _spec(task, plugins)
    size = WORKING_SIZES[task.size]
    cache = Path(task.scratch) / "cache"
    course, watch = Course(), Watch()
    index = build_index(BreakHis(BreakHis.Params()), Path(task.root), cache, workers=1)
    trained = {Path(path).stem for path in task.files}
    label = np.array([Path(path).stem in trained for path in index.text("path")])
    parts = np.where(label, PART_CODES["label"], PART_CODES["test"]).astype(np.uint8)
    split = SplitTable.of(index, (0,), parts[None], "patient")
    split.write(cache)
    working_frames(index, size, cache, workers=1)
    course.before = watch.lap()
    job = StageJob(
        key="bench",
        kind=task.kind,
        symbolic=task.encoder,
        spec=spec,
        fingerprint=index.fingerprint,
        split_hash=split.hash,
        image_size=size,
        group_column="patient",
        workspace=task.scratch,
        device="cpu",
    )

    def see(tick: Tick) -> None:
        if tick.done > len(course.epochs):
            course.epochs.append(watch.lap())
            rendering.over = tick.done == task.epochs

    rendering = Rendering()
    with rendering.timed():
        execute(job, StageWatch(see))
    course.after = watch.lap()
    seen = task.epochs * len(task.files)
    spent = sum(span.cpu for span in course.epochs)
    course.facts = {
        "data_ms": 1000 * rendering.seconds / seen,
        "step_ms": 1000 * (spent - rendering.seconds) / seen,
    }
    report(course)


if __name__ == "__main__":
    main(task_given())
