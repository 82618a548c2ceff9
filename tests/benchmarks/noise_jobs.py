"""Jobs on noise in memory-mapped frames: what a stage costs, with no image files in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mpcs_bench.data.index import GROUP_PREFIX, DatasetFacts, SampleIndex
from mpcs_bench.data.pixels import PixelCache
from mpcs_bench.data.splits import PART_CODES, SplitTable
from mpcs_bench.protocol.schema import Finetuning, Pretraining
from mpcs_bench.protocol.settings import identity
from mpcs_bench.registry.registry import Registry
from mpcs_bench.stages.job import StageJob

SOURCE = (160, 105)  # the working size of protocols/quickstart.yaml
MAGNIFICATIONS = (200, 400)
OPERATIONS: dict[str, Any] = {
    "framing": "crop",
    "flip": {},
    "rotation": {},
    "affine": {"translate": 0.05, "zoom": [0.8, 1.2]},
    "colour": {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1},
}


def noise_index(cache: Path, images: int) -> tuple[SampleIndex, SplitTable]:
    """Return noise under an index, images two by two in a set; the last two are to test on."""
    rng = np.random.default_rng(0)
    n = images + 2
    pixels = rng.integers(0, 256, (n, SOURCE[1], SOURCE[0], 3), dtype=np.uint8)
    ids = [f"s{i:05d}" for i in range(n)]
    patients = [f"p{i // 2:05d}" for i in range(n)]
    frame = pd.DataFrame(
        {
            "sample_id": ids,
            "path": ids,
            "label": [("benign", "malignant")[i % 2] for i in range(n)],
            "label_index": [i % 2 for i in range(n)],
            "subtype": "none",
            "patient_id": patients,
            GROUP_PREFIX + "patient": patients,
            "magnification": [MAGNIFICATIONS[i % 2] for i in range(n)],
            "sequence": "001",
            "image_id": ids,
            "patch_index": 0,
            **{f"box_{side}": 0 for side in "xy"},
            **dict(zip(("box_w", "box_h"), SOURCE, strict=True)),
            **dict(zip(("width", "height"), SOURCE, strict=True)),
            "pixel_hash": [PixelCache.under(cache).put(image) for image in pixels],
        }
    )
    facts = DatasetFacts(
        name="noise",
        version="1",
        params={},
        classes=("benign", "malignant"),
        magnifications=MAGNIFICATIONS,
        group_columns=("patient",),
        default_group="patient",
        metric_levels=("image", "patient"),
    )
    index = SampleIndex.of(frame, facts)
    index.write(cache)
    parts = np.full((1, n), PART_CODES["label"], dtype=np.uint8)
    parts[0, images:] = PART_CODES["test"]
    split = SplitTable.of(index, (0,), parts, "patient")
    split.write(cache)
    return index, split


def noise_job(
    kind: str,
    workspace: Path,
    *,
    encoder: str,
    size: int,
    batch: int,
    steps: int,
    epochs: int,
    device: str = "cpu",
) -> StageJob:
    """Return a stage of `steps` steps an epoch: batches of images, or of pairs."""
    images = batch * steps * (2 if kind == "pretrain" else 1)
    index, split = noise_index(workspace / "cache", images)
    plugins = Registry.discover()
    settings: dict[str, Any] = {
        "dataset": "noise",
        "transform": {"input_size": [size, size], **OPERATIONS},
        "optimizer": {"name": "adam", "learning_rate": 2e-5},
        "epochs": epochs,
        "batch_size": batch,
    }
    if kind == "finetune":
        spec = identity(Finetuning.model_validate(settings))
        spec |= {"train_magnification": None, "test_magnifications": None, "label_fraction": 1.0}
    else:
        settings |= {
            "strategy": "fixed",
            "loss": {"plugin": "nt-xent", "params": {"temperature": 0.2}},
            "head": {"widths": [512, 128]},
            "parts": ["label"],
        }
        spec = identity(Pretraining.model_validate(settings))
        for name in ("strategy", "loss"):
            given = spec[name]
            spec[name] = plugins.resolve(name, given["plugin"], given["params"]).identity()
        spec["magnifications"] = list(MAGNIFICATIONS)
    spec |= {
        "encoder": plugins.resolve("encoder", encoder).identity(),
        "fold": 0,
        "seed": 0,
        "precision": "fp32",
        "threads": 1,
        "deterministic": True,
    }
    return StageJob(
        key="bench",
        kind=kind,
        symbolic=encoder,
        spec=spec,
        fingerprint=index.fingerprint,
        split_hash=split.hash,
        image_size=None,
        group_column="patient",
        workspace=str(workspace),
        device=device,
    )
