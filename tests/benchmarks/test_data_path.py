"""From files to views: decoders, the gather from the cache, and augmentation, side by side.

Kinds take turns in one process with one thread; of each the fastest turn counts.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
import torch
from floor_model import fastest
from image_tree import make_tree, real_images
from PIL import Image

from mpcs_bench.data.augmentation import draw_views
from mpcs_bench.data.counter import sample_codes
from mpcs_bench.data.decode import decode_bytes
from mpcs_bench.data.frames import Frames
from mpcs_bench.data.rendering import render_on_cpu, render_on_device
from mpcs_bench.data.working import resize
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.registry.encoder import Preprocessing

WORKING = (341, 224)
SIZE = 224
FILES = 32
TURNS = 3
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TRANSFORM = Transform.model_validate(
    {
        "input_size": [SIZE, SIZE],
        "flip": {},
        "rotation": {},
        "affine": {"translate": 0.05, "zoom": [0.8, 1.2]},
        "colour": {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1},
    }
)


@pytest.fixture
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pixels(tmp_path: Path) -> np.ndarray:
    """Working images, uint8 [n, h, w, 3]."""
    files = make_tree(tmp_path / "tree", FILES // 2).files
    decoded = [decode_bytes(path.read_bytes()) for path in files]
    return np.stack([resize(image, WORKING) for image in decoded])


def rates(calls: dict[str, Callable[[], object]], images: int) -> dict[str, float]:
    """Return images a second of each."""
    best = dict.fromkeys(calls, float("inf"))
    for call in calls.values():
        call()  # what is made at first use is no part of it
    for _ in range(TURNS):
        for name, call in calls.items():
            best[name] = min(best[name], fastest(call, 1))
    return {name: images / seconds for name, seconds in best.items()}


def told(name: str, found: dict[str, float]) -> str:
    return f"\n{name}, img/s: " + ", ".join(f"{key} {rate:,.0f}" for key, rate in found.items())


@pytest.mark.usefixtures("one_thread")
def test_decoders(
    benchmark: Any, aims: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [path.read_bytes() for path in make_tree(tmp_path / "tree", FILES // 2).files]
    one_by_one: dict[str, Callable[[bytes], Any]] = {
        "the harness": decode_bytes,
        "imagecodecs": imagecodecs.png_decode,
        "Pillow": lambda data: np.asarray(Image.open(io.BytesIO(data))),
        "OpenCV": lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB),
    }
    decoded = [decode(files[0]) for decode in one_by_one.values()]
    assert all(np.array_equal(decoded[0], other) for other in decoded)

    def all_of(decode: Callable[[bytes], Any]) -> Callable[[], object]:
        return lambda: [decode(data) for data in files]

    calls = {name: all_of(decode) for name, decode in one_by_one.items()}
    found = benchmark.pedantic(lambda: rates(calls, len(files)), rounds=1, iterations=1)
    aims.row(
        "decode PNG at 700x460: the harness / Pillow",
        f"{found['the harness'] / found['Pillow']:.2f}",
        "",
        None,
        f"{found['the harness']:.0f} img/s; {'real images' if real_images() else 'noise'}",
    )
    with capsys.disabled():
        print(told("decode PNG at 700x460", found))


@pytest.mark.usefixtures("one_thread")
def test_gathering_from_the_cache(
    benchmark: Any, aims: Any, pixels: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = np.concatenate([pixels] * 8)
    n, height, width, _ = samples.shape
    pitch = np.full(n, 3 * width, dtype=np.int64)
    frames = Frames(samples.reshape(-1), WORKING, np.arange(n) * pitch * height, pitch)
    resident = torch.from_numpy(samples)
    rows = np.random.default_rng(0).permutation(n)
    chosen = torch.from_numpy(rows)
    calls: dict[str, Callable[[], object]] = {
        "copies of cache frames": lambda: frames.images(rows),
        "views of cache frames (what the CPU path reads)": lambda: [frames.image(r) for r in rows],
        "index_select": lambda: resident.index_select(0, chosen),
        "plain indexing": lambda: resident[chosen],
    }
    found = benchmark.pedantic(lambda: rates(calls, n), rounds=1, iterations=1)
    aims.row(
        f"gather from the cache at {WORKING[0]}x{WORKING[1]}, img/s",
        f"{found['copies of cache frames']:,.0f}",
        "",
        None,
        f"index_select {found['index_select']:,.0f}",
    )
    with capsys.disabled():
        print(told(f"gather at {WORKING[0]}x{WORKING[1]}", found))


@pytest.mark.usefixtures("one_thread")
def test_augmentation(
    benchmark: Any, aims: Any, pixels: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = sample_codes([str(number) for number in range(len(pixels))])
    draw = draw_views(TRANSFORM, seed=0, epoch=0, samples=codes, view=0, source=WORKING)
    look = Preprocessing(mean=MEAN, std=STD)
    resident = torch.from_numpy(pixels)
    images = list(pixels)
    calls: dict[str, Callable[[], object]] = {
        "fused, OpenCV (the harness on a CPU)": lambda: render_on_cpu(images, draw, look),
        "fused, grid_sample (the harness on a GPU)": lambda: render_on_device(resident, draw, look),
        "torchvision v2, each image": torchvision_way(resident),
    }
    if find_spec("kornia"):
        calls["kornia, the batch"] = kornia_way(resident)
    found = benchmark.pedantic(lambda: rates(calls, len(pixels)), rounds=1, iterations=1)
    ours, *others = found.values()
    aims.row(
        "augmentation 341x224 to 224, all operations on: the harness / the best of others",
        f"{ours / max(others[1:]):.1f}",
        "",
        None,
        f"{ours:,.0f} img/s" + ("" if find_spec("kornia") else "; kornia is not installed"),
    )
    with capsys.disabled():
        print(told("augmentation 341x224 to 224", found))


def torchvision_way(images: torch.Tensor) -> Callable[[], object]:
    from torchvision.transforms import v2

    transform = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            v2.RandomAffine(
                180,
                translate=(0.05, 0.05),
                scale=(0.8, 1.2),
                interpolation=v2.InterpolationMode.BILINEAR,
            ),
            v2.Resize([SIZE, SIZE], antialias=True),
            v2.ColorJitter(0.1, 0.1, 0.1, 0.1),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    planes = images.permute(0, 3, 1, 2).contiguous()
    return lambda: torch.stack([transform(image) for image in planes])


def kornia_way(images: torch.Tensor) -> Callable[[], object]:
    import kornia.augmentation as K
    from kornia.geometry.transform import resize as resized

    transform = K.AugmentationSequential(
        K.RandomHorizontalFlip(p=0.5),
        K.RandomVerticalFlip(p=0.5),
        K.RandomAffine(180.0, translate=(0.05, 0.05), scale=(0.8, 1.2), p=1.0),
        K.ColorJiggle(0.1, 0.1, 0.1, 0.1, p=1.0),
        K.Normalize(torch.tensor(MEAN), torch.tensor(STD)),
    )
    planes = images.permute(0, 3, 1, 2).contiguous()
    return lambda: transform(resized(planes.float() / 255, (SIZE, SIZE)))
