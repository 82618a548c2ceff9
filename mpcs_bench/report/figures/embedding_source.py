"""Reads the features behind Figure 9 from the results of pre-trainings."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mpcs_bench.errors import StoreError
from mpcs_bench.report.conditions import flatten
from mpcs_bench.report.figures.embedding import (
    PERPLEXITY,
    SEED,
    Embedding,
    EmbeddingRow,
    embed,
    embedding_figure,
)
from mpcs_bench.report.figures.entry import FigureEntry, FigureError
from mpcs_bench.report.figures.evidence import Evidence, rows_of, scale_rank
from mpcs_bench.report.figures.strategies import DeclaredStrategy, by_name
from mpcs_bench.report.numbers import counted
from mpcs_bench.stages.features import FEATURES, read_features

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ID, TITLE = "figure-9", "Features before fine-tuning"
ENCODER, DATASET = "resnet50", "breakhis"
HINT = "Run a protocol with a pre-training, `mpcs-bench run exp-03` for one, in this workspace."


@dataclass(frozen=True, slots=True)
class _Pretraining:
    """A finished pre-training with features; `spec` is everything that is in its key."""

    strategy: str
    encoder: str
    scale: str
    fold: int
    seed: int
    folder: Path
    spec: Mapping[str, Any]

    @property
    def data(self) -> Mapping[str, Any]:
        """The state and the split of its data."""
        found = self.spec.get("data")
        return found if isinstance(found, Mapping) else {}

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its data, '' where it does not say."""
        return str(self.data.get("fingerprint", ""))

    @property
    def place(self) -> tuple[str, str, str, str, int, int]:
        """What the rows of the figure have in common."""
        split = str(self.data.get("split", ""))
        return self.scale, self.encoder, self.fingerprint, split, self.fold, self.seed

    def settings(self) -> dict[str, Any]:
        """Its parameters but for the strategy, flat."""
        found = flatten(self.spec.get("spec") or {})
        return {name: value for name, value in found.items() if not name.startswith("strategy")}


def embedding_entry(
    connection: DuckDBPyConnection,
    evidence: Evidence,
    results: Path,
    strategies: Sequence[DeclaredStrategy],
) -> FigureEntry:
    """Return Figure 9. Raises FigureError where no pre-training of the protocols has features."""
    chosen, warnings = _choose(_pretrainings(connection, evidence, results), strategies)
    samples = {
        row["sample_id"]: row
        for row in rows_of(connection, "samples", fingerprint=chosen[0].fingerprint)
    }
    classes = {int(row["label_index"]): str(row["label"]) for row in samples.values()}
    read: dict[str, Mapping[int, Embedding | str]] = {}
    for one in chosen:
        try:
            read[one.strategy] = _embeddings(one, samples)
        except StoreError as error:
            warnings.append(error.message)
    columns = sorted({magnification for panels in read.values() for magnification in panels})
    if not columns:
        raise FigureError(
            "No features of a pre-training can be joined with the samples of its data set.",
            hint="Run the protocol again: it puts the sample index into the database.",
            fed=True,
        )
    dataset = next(str(row["dataset"]) for row in samples.values())
    if dataset != DATASET:
        warnings.append(f"Of the data set '{dataset}', where the paper's figure is of {DATASET}.")
    rows = [
        EmbeddingRow(
            _label(name, evidence), tuple(panels.get(column, "no features") for column in columns)
        )
        for name, panels in read.items()
    ]
    return FigureEntry(
        id=ID,
        title=TITLE,
        caption=_caption(chosen[0], rows, dataset),
        warnings=tuple(dict.fromkeys(warnings)),
        figure=embedding_figure(
            [
                _title(column, [panels.get(column) for panels in read.values()])
                for column in columns
            ],
            rows,
            [classes[index] for index in sorted(classes)],
        ),
    )


def _pretrainings(
    connection: DuckDBPyConnection, evidence: Evidence, results: Path
) -> list[_Pretraining]:
    cells = [cell for cell in evidence.cells if dict(cell.factors)["strategy"] != "none"]
    if not cells:
        raise FigureError("These protocols hold no pre-training.", hint=HINT, fed=False)
    rows = rows_of(connection, "pretrainings", protocols=list(evidence.protocols))
    found = [
        _Pretraining(
            strategy=row["strategy"],
            encoder=row["encoder"],
            scale=row["scale"] or "paper",
            fold=row["fold"] or 0,
            seed=row["seed"] or 0,
            folder=results / row["key"],
            spec=json.loads(row["spec"] or "{}"),
        )
        for row in rows
        if (results / row["key"] / FEATURES).is_file()
    ]
    if not found:
        done = counted(len({row["key"] for row in rows}), "finished pre-training")
        raise FigureError(
            f"Of {done} of these protocols, none holds {FEATURES}.",
            hint=f"{HINT} Results made before features were kept need another --workspace.",
            fed=True,
        )
    return found


def _choose(
    found: Sequence[_Pretraining], strategies: Sequence[DeclaredStrategy]
) -> tuple[list[_Pretraining], list[str]]:
    """Return one pre-training for each strategy, all alike but for that, strongest prior first."""
    buckets: dict[tuple[str, str, str, str, int, int], dict[str, list[_Pretraining]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for one in found:
        buckets[one.place][one.strategy].append(one)
    best = min(
        buckets,
        key=lambda place: (
            scale_rank(place[0]),
            place[1] != ENCODER,
            -len(buckets[place]),
            place[4:],
            place[:4],
        ),
    )
    order = {name: number for number, name in enumerate(_order(buckets[best], strategies))}
    chosen = [buckets[best][name][0] for name in sorted(buckets[best], key=order.__getitem__)]
    warnings = []
    if best[0] != "paper":
        warnings.append(f"Scaled-down run (scale {best[0]}): not comparable with the paper's.")
    others = sorted({place[0] for place in buckets} - {best[0]}, key=scale_rank)
    if others:
        warnings.append(f"Features at scale {', '.join(others)} are not drawn.")
    several = [name for name, ones in buckets[best].items() if len({o.folder for o in ones}) > 1]
    if several:
        warnings.append(f"Several pre-trainings of {', '.join(several)}: one of each is drawn.")
    first = chosen[0].settings()
    differing = {
        name
        for one in chosen[1:]
        for name in first.keys() | one.settings().keys()
        if first.get(name) != one.settings().get(name)
    }
    if differing:
        warnings.append(f"The pre-trainings differ in {', '.join(sorted(differing)[:3])} too.")
    return chosen, warnings


def _order(names: Mapping[str, object], strategies: Sequence[DeclaredStrategy]) -> list[str]:
    def place(name: str) -> tuple[int, str]:
        declared = by_name(strategies, name)
        return (strategies.index(declared) if declared else len(strategies), name)

    return sorted(names, key=place)


def _embeddings(
    one: _Pretraining, samples: Mapping[str, Mapping[str, Any]]
) -> dict[int, Embedding | str]:
    ids, features = read_features(one.folder / FEATURES)
    known = [place for place, sample in enumerate(ids) if sample in samples]
    magnification = np.array([samples[ids[place]]["magnification"] or 0 for place in known])
    labels = np.array([samples[ids[place]]["label_index"] for place in known], dtype=np.int64)
    rows = np.array(known, dtype=np.int64)
    return {
        int(value): embed(features[rows[magnification == value]], labels[magnification == value])
        for value in np.unique(magnification)
    }


def _label(strategy: str, evidence: Evidence) -> str:
    """Return what the tables call a strategy, where they agree on it."""
    labels = {c.label for c in evidence.cells if dict(c.factors)["strategy"] == strategy}
    return labels.pop() if len(labels) == 1 else strategy


def _title(magnification: int, panels: Sequence[Embedding | str | None]) -> str:
    counts = sorted({len(panel.points) for panel in panels if isinstance(panel, Embedding)})
    name = f"{magnification}X" if magnification else "all images"
    return f"{name}, n = {' or '.join(map(str, counts))}" if counts else name


def _caption(one: _Pretraining, rows: Sequence[EmbeddingRow], dataset: str) -> str:
    used = sorted({p.perplexity for row in rows for p in row.panels if isinstance(p, Embedding)})
    perplexity = f"{PERPLEXITY:g}" if not used else f"{used[0]:.3g}"
    if len(used) > 1:
        perplexity = f"{used[0]:.3g} to {used[-1]:.3g}"
    return (
        f"t-SNE of the features of the test part of {dataset}, fold {one.fold}, after pre-training "
        f"and before any fine-tuning ({one.encoder}, seed {one.seed}, scale {one.scale}); one row "
        "for each pair strategy, one column for each magnification, each embedded on its own "
        f"(perplexity {perplexity}, PCA start, seed {SEED}, features as they are). Distances "
        "between groups and the sizes of groups mean nothing in t-SNE; images of one patient lie "
        "together, so that classes look apart where patients are."
    )
