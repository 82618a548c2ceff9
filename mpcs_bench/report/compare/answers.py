"""Loads what each model said of each test image: right or wrong, and whose image it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mpcs_bench.report.definitions import table_sql
from mpcs_bench.report.source import CellRecord
from mpcs_bench.stats.clusters import by_cluster

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

VOTE = "finetuning.vote"
Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of one cell at one test magnification, one row per item, ordered by item.

    `items` [N] are images or patches; `patients` [N], `groups` [N] and `images` [N] say where each
    belongs; `labels` [N] are true classes, `right` [N] is 1 where the model was right.
    """

    items: Names
    patients: Names
    groups: Names
    images: Names
    labels: NDArray[np.int64]
    right: NDArray[np.float64]

    @property
    def accuracy(self) -> float:
        """The share of items that are right."""
        return float(self.right.mean())

    @property
    def patient_accuracy(self) -> float:
        """The mean over patients of each patient's share (the paper's Section 4.1.1)."""
        return float(by_cluster(self.patients, self.right).means.mean())


Place = tuple[int, int | None]
"""Cell id, and test magnification."""


@dataclass(frozen=True, slots=True)
class AnswerBook:
    """The answers of many cells, by image (patches have voted) and by patch."""

    images: Mapping[Place, Answers]
    patches: Mapping[Place, Answers]

    def at_level(self, item: str) -> Mapping[Place, Answers]:
        """Return the answers by patch for the item `patch`, else by image."""
        return self.patches if item == "patch" else self.images


def load_answers(connection: DuckDBPyConnection, cells: Iterable[CellRecord]) -> AnswerBook:
    """Return the answers of `cells` on their test parts; cells without predictions are left out.

    The patches of an image vote as in `stages.metrics.image_votes`, by the rule of their cell.
    """
    votes = {cell.cell_id: _vote(cell) for cell in cells if cell.state == "done"}
    if not votes:
        return AnswerBook({}, {})
    parameters = {"cells": list(votes)}
    frame: Any = connection.execute(table_sql("compare_predictions"), parameters).df()
    images: dict[Place, Answers] = {}
    patches: dict[Place, Answers] = {}
    for (cell, magnification), group in frame.groupby(["cell_id", "magnification"], sort=False):
        place = int(cell), int(magnification) or None
        patches[place] = _answers(group, group["sample_id"])
        images[place] = _by_image(group, votes[int(cell)])
    return AnswerBook(images, patches)


def _vote(cell: CellRecord) -> str | None:
    chosen = dict(cell.factors).get(VOTE) or (cell.conditions or {}).get(VOTE)
    return None if chosen is None else str(chosen)


def _by_image(group: Any, vote: str | None) -> Answers:
    if group["image_id"].is_unique:  # the vote of one patch is its own
        return _answers(group, group["image_id"])
    from mpcs_bench.stages.metrics import MAJORITY, image_votes

    voted = image_votes(group, vote or MAJORITY)
    first = group.drop_duplicates("image_id").set_index("image_id")
    voted["group_id"] = first["group_id"].reindex(voted.index)
    voted = voted.reset_index()
    return _answers(voted, voted["image_id"])


def _answers(frame: Any, items: Any) -> Answers:
    names = items.to_numpy(dtype=np.str_)
    order = np.argsort(names, kind="stable")
    label = frame["label"].to_numpy(dtype=np.int64)[order]
    predicted = frame["predicted"].to_numpy(dtype=np.int64)[order]
    patients, groups, images = (
        frame[column].to_numpy(dtype=np.str_)[order]
        for column in ("patient_id", "group_id", "image_id")
    )
    return Answers(
        items=names[order],
        patients=patients,
        groups=groups,
        images=images,
        labels=label,
        right=(label == predicted).astype(np.float64),
    )
