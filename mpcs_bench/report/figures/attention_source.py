"""Reads the attention maps behind Figures 5 to 7 from the results of fine-tunings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mpcs_bench.errors import StoreError
from mpcs_bench.report.figures.attention import AttentionRow, Look, attention_figure
from mpcs_bench.report.figures.choice import Choice, choose, encoder_of, nothing, span, unequal
from mpcs_bench.report.figures.entry import FigureEntry, FigureError
from mpcs_bench.report.figures.evidence import Evidence, rows_of
from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.source import CellRecord
from mpcs_bench.stages.attribution import ATTENTION, AttentionMaps, read_attention

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FOLD = 0
MOST_ROWS = 8
ENCODER = "resnet50"


@dataclass(frozen=True, slots=True)
class AttentionFigure:
    """Which experiments a figure of the paper compares, best suited first."""

    id: str
    title: str
    dataset: str
    blocks: tuple[tuple[str, ...], ...]

    @property
    def experiments(self) -> tuple[str, ...]:
        """All experiments that may feed it."""
        return tuple(name for block in self.blocks for name in block)


ATTENTION_FIGURES = (
    AttentionFigure(
        "figure-5",
        "Attention on BreakHis",
        "breakhis",
        (("exp-5", "exp-6", "exp-7", "exp-8"), ("exp-1", "exp-2", "exp-3", "exp-4")),
    ),
    AttentionFigure(
        "figure-6", "Attention on BACH", "bach", (("exp-9", "exp-10", "exp-11", "exp-12"),)
    ),
    AttentionFigure(
        "figure-7",
        "Attention on the Breast Cancer Cell data set",
        "ucsb",
        (("exp-13", "exp-14", "exp-15"),),
    ),
)


@dataclass(slots=True)
class _Method:
    """The maps of one row of the table, by train magnification."""

    label: str
    maps: dict[int | None, AttentionMaps] = field(default_factory=dict)


def attention_entry(
    connection: DuckDBPyConnection, evidence: Evidence, wanted: AttentionFigure
) -> FigureEntry:
    """Return Figure 5, 6 or 7. Raises FigureError where no result holds maps of fold 0."""
    choice = _choose(evidence, wanted)
    encoder = choice.encoders(ENCODER)[0]
    groups = [group for group in choice.groups if encoder_of(group) == encoder]
    methods, damaged = _methods(groups, evidence)
    samples = _samples(connection, choice.fingerprint)
    rows = _rows(methods, samples)
    if not rows:
        raise _no_maps(wanted, evidence)
    warnings = (*choice.warnings, *unequal(groups), *damaged)
    return FigureEntry(
        id=wanted.id,
        title=wanted.title,
        caption=_caption(choice, groups, methods, rows),
        warnings=warnings,
        figure=attention_figure([method.label for method in methods], rows),
    )


def _choose(evidence: Evidence, wanted: AttentionFigure) -> Choice:
    def useful(cell: CellRecord) -> bool:
        folder = evidence.folders.get(cell.cell_id)
        return (
            folder is not None
            and cell.unit.fold == FOLD
            and cell.label_fraction in (None, 1)
            and dict(cell.factors)["adaptation"] == "finetune"
            and (folder / ATTENTION).is_file()
        )

    found: list[Choice] = []
    for block in wanted.blocks:
        if any(useful(cell) for cell in evidence.of(block)):
            found.append(choose(evidence, block, useful, dataset=wanted.dataset))
    if not found:
        raise _no_maps(wanted, evidence)
    return next((choice for choice in found if len(choice.groups) > 1), found[0])


def _no_maps(wanted: AttentionFigure, evidence: Evidence) -> FigureError:
    cells = evidence.of(wanted.experiments)
    error = nothing(wanted.experiments, cells, f"none of fold {FOLD} holds attention maps")
    if error.fed:
        error.hint = (
            "Run with `--set attention_images=2`. A finished result is never changed: one that was "
            "made without maps needs another --workspace."
        )
    return error


def _methods(
    groups: Sequence[RowGroup], evidence: Evidence
) -> tuple[list[_Method], tuple[str, ...]]:
    methods, damaged = [], []
    for group in groups:
        method = _Method(group.first.label)
        for cell in sorted(group.cells, key=lambda cell: (cell.unit, cell.replicate)):
            folder = evidence.folders.get(cell.cell_id)
            if folder is None or cell.unit.fold != FOLD or cell.train_magnification in method.maps:
                continue
            if not (folder / ATTENTION).is_file():
                continue
            try:
                method.maps[cell.train_magnification] = read_attention(folder / ATTENTION)
            except StoreError as error:
                damaged.append(error.message)
        if method.maps:
            methods.append(method)
    return methods, tuple(damaged)


@dataclass(frozen=True, slots=True)
class _Sample:
    magnification: int
    label: str


def _samples(
    connection: DuckDBPyConnection, fingerprint: str | None
) -> tuple[Mapping[str, _Sample], Mapping[int, str]]:
    """Return the samples by id, and the names of the classes."""
    found = rows_of(connection, "samples", fingerprint=fingerprint)
    classes = {int(row["label_index"]): str(row["label"]) for row in found}
    return {r["sample_id"]: _Sample(r["magnification"], r["label"]) for r in found}, classes


def _rows(
    methods: Sequence[_Method],
    known: tuple[Mapping[str, _Sample], Mapping[int, str]],
) -> list[AttentionRow]:
    samples, classes = known
    trained = sorted({m for method in methods for m in method.maps}, key=lambda m: m or 0)
    rows = []
    for magnification in trained:
        first = next(
            method.maps[magnification] for method in methods if magnification in method.maps
        )
        for place in _shown(first, magnification, samples, len(trained)):
            sample = str(first.sample_ids[place])
            name = _class(int(first.labels[place]), classes)
            rows.append(
                AttentionRow(
                    name=name if magnification is None else f"{name}\n{magnification}X",
                    picture=first.views[place],
                    looks=tuple(_look(m.maps.get(magnification), sample, classes) for m in methods),
                )
            )
    return rows


def _shown(
    maps: AttentionMaps,
    magnification: int | None,
    samples: Mapping[str, _Sample],
    magnifications: int,
) -> list[int]:
    """Return which of the maps stand in the figure: as many of each class as there is room for."""
    labels = maps.labels.tolist()
    room = max(1, MOST_ROWS // (len(set(labels)) * magnifications))
    shown: list[int] = []
    for label in sorted(set(labels)):
        own = [
            place
            for place, sample in enumerate(maps.sample_ids)
            if labels[place] == label and _at(samples.get(str(sample)), magnification)
        ]
        shown += own[:room]
    return shown


def _at(sample: _Sample | None, magnification: int | None) -> bool:
    """Say whether a sample is of the magnification trained at, as far as is known."""
    return magnification is None or sample is None or sample.magnification == magnification


def _look(maps: AttentionMaps | None, sample: str, classes: Mapping[int, str]) -> Look | None:
    if maps is None:
        return None
    places = np.flatnonzero(maps.sample_ids == sample)
    if not len(places):
        return None
    place = int(places[0])
    predicted = int(maps.predicted[place])
    return Look(
        heat=maps.maps[place],
        predicted=_class(predicted, classes),
        probability=float(maps.probability[place]),
        right=predicted == int(maps.labels[place]),
    )


def _class(index: int, classes: Mapping[int, str]) -> str:
    return classes.get(index, f"class {index}")


def _caption(
    choice: Choice,
    groups: Sequence[RowGroup],
    methods: Iterable[_Method],
    rows: Sequence[AttentionRow],
) -> str:
    layers = {maps.layer for method in methods for maps in method.maps.values()}
    experiments = span(tuple(dict.fromkeys(group.first.experiment for group in groups)))
    return (
        f"Grad-CAM of fine-tuned networks on {len(rows)} test images of {choice.dataset} "
        f"({experiments}, {encoder_of(groups[0])}, scale {choice.scale}, fold {FOLD}), at the "
        f"last layer whose output is a picture ({', '.join(sorted(layers))}), for each image's "
        "true class, whatever was predicted. Each map is divided by its own largest value, so "
        "that shades of two maps cannot be held to each other; 'none' marks a map without any "
        "evidence. Below a map: the class decided for and its probability, ✗ where it is wrong. "
        "The images were chosen by a hash of their pixels, the same for all methods: they are "
        "examples, and show nothing of how often a network looks where."
    )
