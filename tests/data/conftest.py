"""Indexes: of the whole tiny BreakHis tree, and made from few words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings

from mpcs_bench.data.index import GROUP_PREFIX, DatasetFacts, SampleIndex

# how long an example takes is no statement about behaviour, least of all on a shared machine
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


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
