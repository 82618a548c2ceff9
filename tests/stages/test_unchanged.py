"""Results do not change with how they came about: workers, what ran before, where pixels lie."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import torch

from mpcs_bench.data.augmentation import draw_views
from mpcs_bench.data.counter import sample_codes
from mpcs_bench.data.index_build import build_index
from mpcs_bench.data.splits_make import make_split
from mpcs_bench.data.working import working_file, working_frames
from mpcs_bench.protocol.schema import Split
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.records import Result, read_result
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.registry.encoder import Preprocessing
from mpcs_bench.registry.registry import Registry
from mpcs_bench.stages import finetune, pretrain
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.job import StageJob
from mpcs_bench.store import Store

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]

CPU = torch.device("cpu")
PLAIN = Preprocessing((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
COLOURFUL: dict[str, Any] = {
    "input_size": [24, 24],
    "flip": {},
    "rotation": {"degrees": 90},
    "affine": {"translate": 0.1, "zoom": [0.8, 1.2]},
    "colour": {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1},
}
NO_MAGNIFICATION: dict[str, Any] = {"train_magnification": None, "test_magnifications": []}
CODE = """
import pickle, sys
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.watch import Watch
execute(pickle.load(sys.stdin.buffer), Watch(lambda tick: None))
"""


def files(result: Result) -> dict[str, str]:
    """Digests of all files of a result: tables, weights and by-products."""
    return dict(result.manifest.files)


# Decode and resize workers


def test_results_are_equal_for_any_number_of_workers_that_decode_and_resize(
    make_job: JobMaker, run: Runner, patched: Any, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    rng = np.random.default_rng(0)
    for label in ("normal", "benign", "invasive"):
        for number in range(6):
            pixels = rng.integers(0, 256, (32, 48, 3), dtype=np.uint8)
            (root / f"{label}_{number:02d}.png").write_bytes(imagecodecs.png_encode(pixels))
    registry = Registry.discover([Path(file) for file in patched.plugin_files])
    dataset = registry.create(registry.resolve("dataset", "patched"), Dataset)
    size = (20, 14)

    def found(workers: int) -> list[Any]:
        cache = tmp_path / f"cache-{workers}"
        index = build_index(dataset, root, cache, workers)
        split = make_split(index, Split(folds=3, stratify="label"), dataset, root, 0)
        split.write(cache)
        working_frames(index, size, cache, workers)
        data = replace(patched, cache=cache, index=index, split=split)
        given: dict[str, Any] = {"data": data, "workspace": f"w{workers}", **NO_MAGNIFICATION}
        jobs = [
            make_job("finetune", job={"image_size": size}, **given),
            make_job("linear", job={"image_size": size}, **given),
        ]
        results = [files(run(job)) for job in jobs]
        store = Store(Path(jobs[0].workspace))
        store.commit(results=[job.results / job.key for job in jobs])
        frames = working_file(index, size, cache).read_bytes()
        return [index.fingerprint, split.hash, frames, results, store.digest()]

    one = found(1)
    assert found(2) == one
    assert found(4) == one


# Cold and warm


@pytest.mark.parametrize(
    "kind",
    [
        "pretrain",
        pytest.param("finetune", marks=pytest.mark.slow),
        pytest.param("linear", marks=pytest.mark.slow),
    ],
)
def test_a_worker_ends_with_the_same_bits_cold_and_after_other_jobs(
    make_job: JobMaker, run: Runner, kind: str
) -> None:
    changes: dict[str, Any] = {"linear": {"dropout": 0.5}}.get(kind, {"transform": COLOURFUL})
    cold = make_job(kind, workspace="cold", **changes)
    subprocess.run(
        [sys.executable, "-c", CODE],
        input=pickle.dumps(cold),
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
    )
    others = [
        ("finetune", {"encoder": "timm/test_efficientnet", "transform": {"input_size": [48, 40]}}),
        ("linear", {"fold": 1, "precision": "bf16"}),
        ("pretrain", {"transform": {"input_size": [40, 24]}, "threads": 2, "batch_size": 7}),
        ("finetune", {"deterministic": False, "dropout": 0.5, "transform": COLOURFUL}),
    ]
    for other, settings in others:
        run(make_job(other, workspace="warm", epochs=1, **settings))
    warm = run(make_job(kind, workspace="warm", **changes))
    assert files(warm) == files(read_result(cold.results / cold.key))


# Resident and mapped


@pytest.mark.parametrize("batched", [False, True], ids=["one by one", "as on a GPU"])
@pytest.mark.parametrize("size", [None, (17, 11)], ids=str)
def test_views_of_resident_and_of_mapped_frames_are_equal(
    tissue: Any, patched: Any, tmp_path: Path, batched: bool, size: Any
) -> None:
    transform = Transform.model_validate(COLOURFUL)
    for number, data in enumerate((tissue, patched)):
        cache = tmp_path / str(number)
        cache.mkdir()
        (cache / "pixels").symlink_to(data.cache / "pixels")
        frames = working_frames(data.index, size, cache)
        rows = np.random.default_rng(0).integers(0, len(frames), 30)
        codes = sample_codes([str(row) for row in rows])
        draw = draw_views(transform, seed=0, epoch=0, samples=codes, view=0, source=frames.size)
        views = [
            WorkingImages(frames, PLAIN, CPU, resident=resident, batched=batched).views(rows, draw)
            for resident in (False, True)
        ]
        assert torch.equal(*views)


@pytest.mark.parametrize("batched", [False, True], ids=["one by one", "as on a GPU"])
@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
def test_trainings_on_resident_and_on_mapped_frames_are_equal(
    make_job: JobMaker,
    run: Runner,
    monkeypatch: pytest.MonkeyPatch,
    tissue: Any,
    patched: Any,
    kind: str,
    batched: bool,
) -> None:
    # overlapping crops are gathered line by line, whole images at once
    settings: dict[str, Any] = {"data": tissue, "transform": COLOURFUL}
    if kind == "finetune":
        settings |= {"data": patched, **NO_MAGNIFICATION}
    found = []
    for resident in (False, True):
        images = partial(WorkingImages, resident=resident, batched=batched)
        for stage in (pretrain, finetune):
            monkeypatch.setattr(stage, "WorkingImages", images)
        found.append(files(run(make_job(kind, workspace=f"resident-{resident}", **settings))))
    assert found[0] == found[1]
