"""A BreakHis tree of its full size made of tiny images, and indexes made from few words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from mpcs_bench.data.index import GROUP_PREFIX, DatasetFacts, SampleIndex

imagecodecs = pytest.importorskip("imagecodecs")

# how long an example takes is no statement about behaviour, least of all on a shared machine
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

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


@pytest.fixture(scope="session")
def breakhis_index(breakhis_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> SampleIndex:
    """The index of the whole tree."""
    from mpcs_bench.data.index_build import build_index
    from mpcs_paper.datasets.breakhis import BreakHis

    return build_index(BreakHis(), breakhis_tree, tmp_path_factory.mktemp("cache"), workers=2)


IndexMaker = Callable[..., SampleIndex]


@pytest.fixture(scope="session")
def make_index() -> IndexMaker:
    """Make an index without files: one row per (label, subtype, patient, case) given."""

    def make(
        rows: list[tuple[str, str, str, str]],
        *,
        magnifications: list[int] | None = None,
        sequences: list[str] | None = None,
        hashes: list[str] | None = None,
        image_ids: list[str] | None = None,
        default_group: str = "case",
        shuffle: int | None = None,
    ) -> SampleIndex:
        n = len(rows)
        ids = [f"s{i:05d}" for i in range(n)]
        frame = pd.DataFrame(
            {
                "sample_id": ids,
                "path": [f"{name}.png" for name in ids],
                "label": [row[0] for row in rows],
                "label_index": [["benign", "malignant"].index(row[0]) for row in rows],
                "subtype": [row[1] for row in rows],
                "patient_id": [row[2] for row in rows],
                GROUP_PREFIX + "patient": [row[2] for row in rows],
                GROUP_PREFIX + "case": [row[3] for row in rows],
                "magnification": magnifications or [40] * n,
                "sequence": sequences or [f"{i:03d}" for i in range(n)],
                "image_id": image_ids or ids,
                "patch_index": 0,
                "box_x": 0,
                "box_y": 0,
                "box_w": 8,
                "box_h": 6,
                "width": 8,
                "height": 6,
                "pixel_hash": hashes or [f"{i:064x}" for i in range(n)],
            }
        )
        if shuffle is not None:
            frame = frame.sample(frac=1, random_state=shuffle)
        facts = DatasetFacts(
            name="made",
            version="1",
            params={},
            classes=("benign", "malignant"),
            magnifications=(40, 100, 200, 400),
            group_columns=("patient", "case"),
            default_group=default_group,
            metric_levels=("image", "patient"),
        )
        return SampleIndex.of(frame, facts)

    return make
