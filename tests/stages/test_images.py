"""Working images: crops of frames, rendered where they lie or gathered in a device's memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mpcs_bench.data.augmentation import draw_views
from mpcs_bench.data.counter import sample_codes
from mpcs_bench.data.frames import Frames
from mpcs_bench.data.rendering import render_on_cpu
from mpcs_bench.data.working import working_frames
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.registry.encoder import Preprocessing
from mpcs_bench.stages import images as images_module
from mpcs_bench.stages.images import ResidentFrames, WorkingImages

CPU = torch.device("cpu")
PLAIN = Preprocessing((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
SIZE = (6, 4)
Box = tuple[int, int]


def framed(*frames: tuple[int, int, list[Box]]) -> Frames:
    """Frames of noise, each (width, height, corners of samples)."""
    offset, start, pitch = 0, [], []
    for width, height, corners in frames:
        start += [offset + 3 * (width * y + x) for x, y in corners]
        pitch += [3 * width] * len(corners)
        offset += 3 * width * height
    pixels = np.random.default_rng(0).integers(0, 256, offset, dtype=np.uint8)
    pixels.setflags(write=False)
    return Frames(pixels, SIZE, np.array(start), np.array(pitch))


WHOLE = framed((6, 4, [(0, 0)]), (6, 4, [(0, 0)]), (6, 4, [(0, 0)]))
STACKED = framed((6, 8, [(0, 0), (0, 4)]), (6, 4, [(0, 0)]))
OVERLAPPING = framed((6, 8, [(0, 0), (0, 2), (0, 4)]))
LEFT_HALF = framed((12, 4, [(0, 0)]))
MIXED = framed((6, 4, [(0, 0)]), (9, 7, [(0, 0), (3, 3), (1, 2), (0, 3)]), (7, 4, [(1, 0)]))
LAYOUTS = {
    "whole": WHOLE,
    "stacked": STACKED,
    "overlapping": OVERLAPPING,
    "left half": LEFT_HALF,
    "mixed": MIXED,
}
each_layout = pytest.mark.parametrize("frames", LAYOUTS.values(), ids=LAYOUTS.keys())


def test_frames_know_when_they_are_one_array_of_samples() -> None:
    assert [name for name, frames in LAYOUTS.items() if frames.whole] == ["whole", "stacked"]


@each_layout
def test_what_a_device_gathers_are_the_crops(frames: Frames) -> None:
    rows = np.random.default_rng(1).integers(0, len(frames), 20)
    gathered = ResidentFrames(frames, CPU).images(rows)
    assert np.array_equal(gathered.numpy(), frames.images(rows))


def test_frames_go_to_the_device_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images_module, "COPIED_BYTES", 100)
    rows = np.arange(len(MIXED))
    assert np.array_equal(ResidentFrames(MIXED, CPU).images(rows).numpy(), MIXED.images(rows))


def test_no_rows_give_no_images() -> None:
    rows = np.array([], dtype=np.int64)
    for frames in (WHOLE, MIXED):
        assert ResidentFrames(frames, CPU).images(rows).shape == (0, 4, 6, 3)
        assert frames.images(rows).shape == (0, 4, 6, 3)


@each_layout
def test_a_view_of_a_crop_knows_nothing_of_what_lies_around_it(frames: Frames) -> None:
    rows = np.arange(len(frames))
    transform = Transform.model_validate(
        {
            "input_size": [16, 16],
            "rotation": {},
            "affine": {"translate": 0.4, "zoom": [0.3, 0.5]},
            "colour": {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1},
        }
    )
    codes = sample_codes([f"s{row}" for row in rows])
    draw = draw_views(transform, seed=0, epoch=0, samples=codes, view=0, source=SIZE)
    images = WorkingImages(frames, PLAIN, CPU)
    assert images.size == SIZE
    alone = render_on_cpu(list(frames.images(rows)), draw, PLAIN)
    assert torch.equal(images.views(rows, draw), alone)


def test_patches_of_a_data_set_are_gathered_from_its_file(patched: Any, tmp_path: Path) -> None:
    (tmp_path / "pixels").symlink_to(patched.cache / "pixels")
    for size in (None, (12, 8), (17, 11)):
        frames = working_frames(patched.index, size, tmp_path)
        rows = np.arange(len(patched.index))[::-1]
        gathered = ResidentFrames(frames, CPU).images(rows)
        assert np.array_equal(gathered.numpy(), frames.images(rows))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@each_layout
def test_on_a_gpu_gathering_waits_for_nothing(frames: Frames) -> None:
    rows = np.random.default_rng(1).integers(0, len(frames), 20)
    resident = ResidentFrames(frames, torch.device("cuda"))
    resident.images(rows)  # the first call allocates
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        gathered = resident.images(rows)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert np.array_equal(gathered.cpu().numpy(), frames.images(rows))
