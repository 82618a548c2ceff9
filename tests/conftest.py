"""Fixtures that more than one folder of tests needs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
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
