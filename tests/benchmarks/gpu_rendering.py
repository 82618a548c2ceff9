"""The part of `gpu.py` that looks at views: what they are, and what they cost."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from gpu_networks import Shape, classifying
from gpu_parts import Asked, fastest

from mpcs_bench.data.augmentation import draw_views
from mpcs_bench.data.counter import sample_codes
from mpcs_bench.data.frames import Frames
from mpcs_bench.data.rendering import render_on_cpu, render_on_device
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.registry.encoder import Preprocessing
from mpcs_bench.stages.images import WorkingImages

MOVES: dict[str, Any] = {
    "framing": "crop",
    "flip": {},
    "rotation": {},
    "affine": {"translate": 0.05, "zoom": [0.8, 1.2]},
}
COLOURS = {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1}
LEVELS = Preprocessing((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))
"""Views in grey levels."""

TOLERANCE = {4: 8.5, 5: 0.56}
"""Grey levels by which OpenCV's views may differ, by its major version (tests/data)."""


def rendering(asked: Asked) -> None:
    """Hold the device's views to the CPU's, and their cost to that of a step."""
    place = torch.device(asked.device)
    count, size = (8, 32) if asked.dry else (32, 224)
    width, height = (64, 48) if asked.dry else (341, 341)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, 4 * count * width * height * 3, dtype=np.uint8)
    pitch = np.full(4 * count, 3 * width, dtype=np.int64)
    frames = Frames(pixels, (width, height), np.arange(4 * count) * pitch * height, pitch)
    transform = Transform.model_validate({"input_size": [size, size], **MOVES, "colour": COLOURS})
    codes = sample_codes([str(number) for number in range(count)])
    draw = draw_views(transform, seed=0, epoch=0, samples=codes, view=0, source=(width, height))
    rows = np.arange(count, dtype=np.int64)

    # Without colour operations: contrast would make more of OpenCV's rounding.
    plain = Transform.model_validate({"input_size": [size, size], **MOVES})
    moved = draw_views(plain, seed=0, epoch=0, samples=codes, view=0, source=(width, height))
    batch = torch.from_numpy(frames.images(rows)).to(place)
    there = render_on_device(batch, moved, LEVELS).cpu()
    here = render_on_cpu([frames.image(row) for row in rows], moved, LEVELS)
    apart, most = float((there - here).abs().max()), TOLERANCE[int(cv2.__version__.split(".")[0])]
    asked.row(
        "views of the device and of the CPU, on noise: most grey levels apart",
        f"{apart:.3f}",
        f"<= {most}",
        apart <= most,
        f"OpenCV {cv2.__version__}",
    )
    ways = [
        WorkingImages(frames, LEVELS, place, resident=resident, batched=True)
        for resident in (True, False)
    ]
    equal = torch.equal(ways[0].views(rows, draw), ways[1].views(rows, draw))
    asked.row(
        "views of resident and of mapped images", "equal" if equal else "differ", "equal", equal
    )

    repeats = 2 if asked.dry else 20
    seconds = [
        fastest(lambda w=way: w.views(rows, draw), asked.device, repeats=repeats) for way in ways
    ]
    encoder = "tiny" if asked.dry else "resnet50"
    bare = classifying(Shape(encoder, size, count, "bf16"), asked.device)
    step = fastest(bare, asked.device, repeats=4)
    for way, taken in zip(("resident", "mapped"), seconds, strict=True):
        share = taken / step
        aim = "< 1 %" if way == "resident" else ""
        met = share < 0.01 if aim and not asked.dry else None
        asked.row(
            f"gather and augment {count} views at {size}, {way} / step of {encoder}, bf16",
            f"{100 * share:.2f} %",
            aim,
            met,
            f"{1000 * taken:.3f} ms of {1000 * step:.2f} ms",
        )
