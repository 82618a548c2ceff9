"""A tree of PNG files of BreakHis' size and names, that every way of training reads alike.

The files are links to real images where this machine has them, otherwise noise that is as hard to
decode. Names are made up: every set has one image at 200X and one at 400X, whatever is on it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import imagecodecs
import numpy as np

WIDTH, HEIGHT = 700, 460
TESTED_SETS = 2
KINDS = (("benign", "B", "adenosis", "A"), ("malignant", "M", "ductal_carcinoma", "DC"))
REAL = Path(
    os.environ.get("MPCS_SHARED_DATA", Path(__file__).parents[2].parent / "shared" / "data")
)


@dataclass(frozen=True, slots=True)
class Tree:
    """`pairs` are the files (200X, 400X) of each set that is trained on; `labels` their class.

    The last `TESTED_SETS` of the tree are left for testing.
    """

    root: Path
    pairs: tuple[tuple[Path, Path], ...]
    labels: tuple[int, ...]
    real: bool

    @property
    def files(self) -> list[Path]:
        return [path for pair in self.pairs for path in pair]

    @property
    def file_labels(self) -> list[int]:
        return [label for label in self.labels for _ in range(2)]

    @property
    def origin(self) -> str:
        return "real images" if self.real else "noise"


def make_tree(root: Path, sets: int) -> Tree:
    """Lay out `sets` to train on, and `TESTED_SETS` to test, under `root`; classes alternate."""
    sources = real_images()
    needed = 2 * (sets + TESTED_SETS)
    real = len(sources) >= needed
    if not real:
        sources = [_noise(root / "noise" / f"{number:04d}.png", number) for number in range(needed)]
    pairs: list[tuple[Path, Path]] = []
    for number in range(sets + TESTED_SETS):
        files = []
        for place, magnification in enumerate((200, 400)):
            path = root / _place(number, magnification)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(sources[2 * number + place])
            files.append(path)
        pairs.append((files[0], files[1]))
    labels = tuple(number % 2 for number in range(sets))
    return Tree(root, tuple(pairs[:sets]), labels, real)


def real_images() -> list[Path]:
    """Return real images of BreakHis, each content once and of the published size."""
    found: dict[bytes, Path] = {}
    for path in sorted(REAL.glob("breakhis/BreaKHis_v1/**/*.png")):
        data = path.read_bytes()
        width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
        if (width, height) == (WIDTH, HEIGHT):
            found.setdefault(data, path.resolve())
    return list(found.values())


def _place(number: int, magnification: int) -> Path:
    side, letter, subtype, code = KINDS[number % 2]
    patient = f"14-{1000 + number}"
    name = f"SOB_{letter}_{code}-{patient}-{magnification}-001.png"
    tree = Path("BreaKHis_v1/histology_slides/breast") / side / "SOB" / subtype
    return tree / f"SOB_{letter}_{code}_{patient}" / f"{magnification}X" / name


def _noise(path: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    coarse = rng.normal(170, 40, (HEIGHT // 20, WIDTH // 20, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(pixels, level=6))
    return path.resolve()
