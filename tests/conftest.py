"""Fixtures that more than one folder of tests needs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
MAGNIFICATIONS = (40, 100, 200, 400)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real development images, where this machine has one."""
    folder = Path(os.environ.get("MPCS_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "breakhis").is_dir():
        pytest.skip(f"no real images at {folder} (set MPCS_SHARED_DATA to their folder)")
    return folder


CLASSES = {"B": "benign", "M": "malignant"}
TYPES = {
    "A": "adenosis",
    "F": "fibroadenoma",
    "PT": "phyllodes_tumor",
    "TA": "tubular_adenoma",
    "DC": "ductal_carcinoma",
    "LC": "lobular_carcinoma",
    "MC": "mucinous_carcinoma",
    "PC": "papillary_carcinoma",
}


def breakhis_place(name: str) -> Path:
    """Where an image of this name stands in the published archive."""
    front, year, slide, magnification, _ = name.split("-")
    _, code, kind = front.split("_")
    patient = f"SOB_{code}_{kind}_{year}-{slide}"
    tree = Path("BreaKHis_v1/histology_slides/breast") / CLASSES[code] / "SOB" / TYPES[kind]
    return tree / patient / f"{magnification}X" / name


def write_png(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(pixels, level=1))
    return path


def tiny_image(number: int) -> np.ndarray:
    """An 8 x 6 image that differs from that of every other number below 2**24."""
    pixels = np.full((6, 8, 3), 200, dtype=np.uint8)
    pixels[0, 0] = [number >> 16 & 255, number >> 8 & 255, number & 255]
    return pixels


@pytest.fixture(scope="session")
def published_names(shared_data: Path) -> list[str]:
    """The 7,909 file names of BreakHis."""
    lines = (shared_data / "breakhis/folds/dsfold1.txt").read_text().splitlines()
    return [line.split("|")[0] for line in lines]


@pytest.fixture(scope="session")
def breakhis_tree(
    shared_data: Path, published_names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """All of BreakHis by name, as distinct tiny images, with its folds.

    Number 14-13412 has, as in the published data, the same pixels under both tumour types.
    """
    root = tmp_path_factory.mktemp("breakhis")
    number = {name: i for i, name in enumerate(published_names)}
    for name in published_names:
        twin = name.replace("SOB_M_LC-14-13412", "SOB_M_DC-14-13412")
        write_png(root / breakhis_place(name), tiny_image(number.get(twin, number[name])))
    (root / "folds").mkdir()
    for file in (shared_data / "breakhis/folds").glob("dsfold*.txt"):
        (root / "folds" / file.name).write_bytes(file.read_bytes())
    return root


def write_breakhis(
    root: Path,
    *,
    patients: int = 6,
    sequences: int = 2,
    magnifications: tuple[int, ...] = MAGNIFICATIONS,
    size: tuple[int, int] = (24, 16),
    seed: int = 0,
) -> Path:
    """Write a tiny tree in the layout and names of BreakHis; `patients` of each class.

    Benign images are smooth, malignant ones grainy: a small network can tell them apart, and
    colour alone cannot.
    """
    random = np.random.default_rng(seed)
    kinds = (("benign", "B", "adenosis", "A"), ("malignant", "M", "ductal_carcinoma", "DC"))
    for side, letter, subtype, code in kinds:
        for patient in range(patients):
            number = f"14-{1000 + 100 * (letter == 'M') + patient}"
            folder = root / "BreaKHis_v1/histology_slides/breast" / side / "SOB" / subtype
            stain = random.uniform(120, 200, 3)
            for magnification in magnifications:
                place = folder / f"SOB_{letter}_{code}_{number}" / f"{magnification}X"
                place.mkdir(parents=True, exist_ok=True)
                for sequence in range(1, sequences + 1):
                    grain = random.normal(0, 30, (size[1], size[0], 1))
                    if side == "benign":
                        grain = cv2.GaussianBlur(grain, (0, 0), 3)[..., None] * 4
                    pixels = np.clip(stain + grain, 0, 255).astype(np.uint8)
                    name = f"SOB_{letter}_{code}-{number}-{magnification}-{sequence:03d}.png"
                    assert cv2.imwrite(str(place / name), pixels)
    return root


@pytest.fixture(scope="session")
def tiny_breakhis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of 96 images, 24 x 16 pixels, of 12 patients, in the layout of BreakHis."""
    return write_breakhis(tmp_path_factory.mktemp("tiny-breakhis"))


TINY_PROTOCOL = """\
name: tiny
title: A protocol that trains in seconds
scale: test
datasets:
  tissue:
    plugin: breakhis
    root: {root}
    image_size: [24, 16]
    split: {{scheme: kfold, folds: 3, group: case, seed: 5}}
encoder: timm/test_resnet
weights: none
pretraining:
  dataset: tissue
  strategy: ordered
  loss: {{plugin: nt-xent, params: {{temperature: 0.2}}}}
  transform: &transform
    input_size: [16, 16]
    framing: crop
    test_framing: whole
    flip: {{}}
    colour: {{brightness: 0.1, contrast: 0.1}}
  head: {{widths: [16, 8]}}
  optimizer: {{name: adamw, learning_rate: 1.0e-3}}
  epochs: 2
  batch_size: 4
finetuning:
  dataset: tissue
  transform: *transform
  optimizer: {{name: adamw, learning_rate: 1.0e-3}}
  epochs: 2
  batch_size: 4
experiments:
  exp-1: {{label: No pre-training, set: {{pretraining: null}}}}
  exp-3: {{label: Ordered Pair}}
  floor: {{label: Colour floor, set: {{adaptation: colour-floor, pretraining: null}}}}
matrix:
  train_magnification: [100, 400]
  fold: [0, 1]
report:
  baseline: exp-1
"""


@pytest.fixture(scope="session")
def tiny_text(tiny_breakhis: Path) -> str:
    """The text of a protocol of 14 stages and 12 cells that trains in seconds."""
    return TINY_PROTOCOL.format(root=tiny_breakhis)


@pytest.fixture
def tiny_protocol(tmp_path: Path, tiny_text: str) -> Callable[..., Path]:
    """Write the tiny protocol, with some of its text replaced, and return its path."""

    def write(*replacements: tuple[str, str], name: str = "tiny.yaml") -> Path:
        text = tiny_text
        for old, new in replacements:
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text)
        return path

    return write
