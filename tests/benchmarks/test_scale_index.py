"""From files to sets as a data set grows: index, split, audit and sets; slope at most 1.1.

The files are tiny and all different, named as BreakHis: what is measured is the cost of a row.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.index_build import build_index
from mpcs_bench.data.leakage_audit import audit_split
from mpcs_bench.data.sets import image_sets
from mpcs_bench.data.splits_make import make_split
from mpcs_bench.protocol.schema import Split
from mpcs_paper.datasets.breakhis import BreakHis

SIZES = (100, 1_000, 10_000, 100_000)
MAGNIFICATIONS = (40, 100, 200, 400)
SEQUENCES = 2
KINDS = (("benign", "B", "adenosis", "A"), ("malignant", "M", "ductal_carcinoma", "DC"))


def names(rows: int) -> Iterator[str]:
    """Yield so many paths: patients of both classes, each with two sets of four images."""
    for number in range(rows):
        patient, rest = divmod(number, len(MAGNIFICATIONS) * SEQUENCES)
        sequence, place = divmod(rest, len(MAGNIFICATIONS))
        side, letter, subtype, code = KINDS[patient % 2]
        slide, magnification = f"14-{10_000 + patient}", MAGNIFICATIONS[place]
        folder = f"BreaKHis_v1/histology_slides/breast/{side}/SOB/{subtype}"
        file = f"SOB_{letter}_{code}-{slide}-{magnification}-{sequence + 1:03d}.png"
        yield f"{folder}/SOB_{letter}_{code}_{slide}/{magnification}X/{file}"


def place_for_files(tmp_path: Path) -> Path:
    """Return memory where there is enough of it: a disk takes minutes for 200,000 small files."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > 3e9:
        return Path(tempfile.mkdtemp(dir=memory, prefix="mpcs-bench-"))
    return tmp_path


def write_tree(root: Path, rows: int) -> None:
    pixels = np.full((6, 8, 3), 200, dtype=np.uint8)
    for number, name in enumerate(names(rows)):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels[0, 0] = number >> 16 & 255, number >> 8 & 255, number & 255
        path.write_bytes(imagecodecs.png_encode(pixels, level=1))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    made = place_for_files(tmp_path)
    yield made
    shutil.rmtree(made)


def test_a_data_set_of_many_images(benchmark: Any, aims: Any, scaling: Any, place: Path) -> None:
    dataset = BreakHis(BreakHis.Params())

    def measure(rows: int) -> None:
        root, cache = place / f"root-{rows}", place / f"cache-{rows}"
        write_tree(root, rows)
        settings = Split(folds=5, group="patient", stratify="label")

        def indexed() -> SampleIndex:
            return build_index(dataset, root, cache, workers=1)

        index = scaling.time("index", rows, indexed)
        again = scaling.time("index again", rows, indexed)
        assert again.fingerprint == index.fingerprint
        assert len(index) == rows
        split = scaling.time("split", rows, lambda: make_split(index, settings, dataset, root, 1))
        scaling.time("audit", rows, lambda: audit_split(index, split))
        sets = scaling.time(
            "sets", rows, lambda: image_sets(index, np.arange(rows), MAGNIFICATIONS)
        )
        assert len(sets) == rows // len(MAGNIFICATIONS)
        for folder in (root, cache):
            shutil.rmtree(folder)

    *smaller, largest = SIZES
    measure(smaller[0])  # what is imported and made at first use is no part of it
    for number in smaller:
        measure(number)
    benchmark.pedantic(lambda: measure(largest), rounds=1, iterations=1)
    benchmark.extra_info["slopes"] = scaling.slopes()
    scaling.judge(aims, "index, split, audit, sets")
