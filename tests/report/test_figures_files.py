"""Figures 5 to 7 and 9, from the files of real results in a real store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mpcs_bench.records import PlannedCell, PlanRecord, ResultSpec, ResultTables, write_result
from mpcs_bench.report.figures import (
    DeclaredStrategy,
    FigureEntry,
    build_figures,
    rendered,
)
from mpcs_bench.stages.attribution import AttentionMaps, write_attention
from mpcs_bench.stages.features import write_features
from mpcs_bench.store import SampleSource, Store

FINGERPRINT = "f" * 64
CLASSES = ("benign", "malignant")
MAGNIFICATIONS = (40, 100)
SIDE = 12
STRATEGIES = (
    DeclaredStrategy("fixed", "mpcs_paper/fixed", "mpcs_paper", 2, 0),
    DeclaredStrategy("ordered", "mpcs_paper/ordered", "mpcs_paper", 1, 1),
)
BREAKHIS = (("exp-5", "none", "ImageNet"), ("exp-6", "fixed", "Fixed Pair"),
            ("exp-7", "ordered", "Ordered Pair"))  # fmt: skip


def sample(magnification: int, number: int) -> str:
    return f"{CLASSES[number % 2]}-{magnification}-{number}"


SAMPLES = [sample(m, n) for m in MAGNIFICATIONS for n in range(8)]


def maps_of(ids: list[str], wrong: bool = False) -> AttentionMaps:
    n = len(ids)
    labels = np.array([CLASSES.index(name.split("-")[0]) for name in ids], dtype=np.int64)
    heat = np.zeros((n, SIDE, SIDE), dtype=np.float16)
    heat[:, :4] = 1
    return AttentionMaps(
        sample_ids=np.array(ids),
        labels=labels,
        predicted=1 - labels if wrong else labels,
        probability=np.full(n, 0.75, dtype=np.float32),
        views=np.full((n, SIDE, SIDE, 3), 200, dtype=np.uint8),
        maps=heat,
        peaks=np.ones(n, dtype=np.float32),
        layer="layer4",
    )


class Workspace:
    """Collects cells and pre-trainings with files, then commits them as one protocol."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cells: list[PlannedCell] = []
        self.results: list[Path] = []

    def add(
        self,
        experiment: str,
        strategy: str = "none",
        *,
        label: str | None = None,
        magnification: int | None = 40,
        maps: AttentionMaps | None = None,
        stages: tuple[str, ...] = (),
        **axes: Any,
    ) -> Path:
        """Write the result of one cell, with attention maps where given."""
        own = {
            "dataset": "breakhis", "encoder": "resnet50", "strategy": strategy,
            "adaptation": "finetune", "train_magnification": magnification,
            "label_fraction": 1.0, "fold": 0, "split_seed": 0, "seed": 0,
        } | axes  # fmt: skip
        key = f"cell-{len(self.cells)}"
        files = {} if maps is None else {"attention.npz": lambda path: write_attention(maps, path)}
        self.cells.append(
            PlannedCell(
                key=key, position=len(self.cells), experiment=experiment, label=label or experiment,
                axes=own, symbolic=key, conditions={"epochs": 5}, dataset=own["dataset"],
                fingerprint=FINGERPRINT, split_hash="split", stages=stages,
            )
        )  # fmt: skip
        return self._write(ResultSpec(key, "finetune", key, 1, spec={}, axes=own), files)

    def pretraining(
        self, strategy: str, *, fold: int = 0, features: np.ndarray | None = None, epochs: int = 9
    ) -> str:
        """Write a pre-training with the features of every sample; return its key."""
        key = f"pre-{strategy}-{fold}-{epochs}"
        if features is None:
            side = np.array([CLASSES.index(name.split("-")[0]) for name in SAMPLES])
            noise = np.random.default_rng(fold).normal(size=(len(SAMPLES), 6))
            features = (noise + 20 * side[:, None]).astype(np.float32)
        spec = {
            "spec": {"fold": fold, "epochs": epochs, "strategy": {"plugin": strategy}},
            "data": {"fingerprint": FINGERPRINT, "split": f"split-{fold}"},
        }
        self._write(
            ResultSpec(key, "pretrain", key, 1, spec=spec),
            {"features.parquet": lambda path: write_features(path, SAMPLES, features)},
        )
        return key

    def figures(self, scale: str = "paper") -> dict[str, FigureEntry]:
        """Commit, then build all figures."""
        plan = PlanRecord(
            "exp", "An experiment", scale, None, "2025-01-02T03:04:05+00:00", tuple(self.cells)
        )
        store = Store(self.root)
        store.commit([plan], [], self.results, [self._samples()])
        with store.reader() as connection:
            entries = build_figures(connection, self.root / "results", ["exp"], None, STRATEGIES)
        return {entry.id: entry for entry in entries}

    def _write(self, spec: ResultSpec, files: dict[str, Callable[[Path], None]]) -> Path:
        path = write_result(self.root / "results", spec, ResultTables(), files=files)
        self.results.append(path)
        return path

    def _samples(self) -> SampleSource:
        path = self.root / "cache/index" / f"{FINGERPRINT}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            {
                "sample_id": name, "path": name, "label": name.split("-")[0],
                "label_index": CLASSES.index(name.split("-")[0]), "subtype": "",
                "patient_id": name, "group_case": name, "magnification": int(name.split("-")[1]),
                "sequence": "", "image_id": name, "patch_index": 0, "box_x": 0, "box_y": 0,
                "box_w": SIDE, "box_h": SIDE, "width": SIDE, "height": SIDE, "pixel_hash": name,
            }
            for name in SAMPLES
        ]  # fmt: skip
        pq.write_table(pa.Table.from_pylist(rows), path)
        return SampleSource(FINGERPRINT, path, "breakhis")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def panels(entry: FigureEntry, columns: int) -> list[list[Any]]:
    """Return the axes of a figure as a grid; the colour bar is left out."""
    assert entry.figure is not None
    axes = [one for one in entry.figure.axes if one.get_label() != "<colorbar>"]
    return [axes[i : i + columns] for i in range(0, len(axes), columns)]


def add_attention(workspace: Workspace, **changes: Any) -> None:
    for experiment, strategy, label in BREAKHIS:
        for magnification in MAGNIFICATIONS:
            ids = [sample(magnification, number) for number in range(4)]
            workspace.add(
                experiment, strategy, label=label, magnification=magnification,
                maps=maps_of(ids, wrong=strategy == "none"), **changes,
            )  # fmt: skip


def test_figure_5_shows_the_same_images_for_the_baseline_and_each_method(
    workspace: Workspace,
) -> None:
    add_attention(workspace)
    entry = workspace.figures()["figure-5"]
    grid = panels(entry, 4)
    assert [axes.get_title() for axes in grid[0]] == [
        "test image", "ImageNet", "Fixed Pair", "Ordered Pair",
    ]  # fmt: skip
    names = [line[0].get_ylabel() for line in grid]
    assert names == [
        "benign\n40X", "benign\n40X", "malignant\n40X", "malignant\n40X",
        "benign\n100X", "benign\n100X", "malignant\n100X", "malignant\n100X",
    ]  # fmt: skip
    assert [axes.get_xlabel() for axes in grid[0][1:]] == [
        "✗ malignant 0.75", "✓ benign 0.75", "✓ benign 0.75",
    ]  # fmt: skip
    assert entry.warnings == ()
    for part in ("8 test images", "Exp-5, Exp-6 and Exp-7", "fold 0", "layer4", "true class"):
        assert part in entry.caption


def test_an_image_that_a_method_has_no_map_of_leaves_its_place_empty(workspace: Workspace) -> None:
    ids = [sample(40, number) for number in range(2)]
    workspace.add("exp-5", label="ImageNet", maps=maps_of(ids))
    workspace.add("exp-6", "fixed", label="Fixed Pair", maps=maps_of(ids[:1]))
    grid = panels(workspace.figures()["figure-5"], 3)
    assert [text.get_text() for text in grid[1][2].texts] == ["no map"]


def test_images_of_another_magnification_than_trained_at_are_not_shown(
    workspace: Workspace,
) -> None:
    ids = [sample(100, 1), sample(40, 1), sample(100, 0), sample(40, 0)]
    workspace.add("exp-6", "fixed", maps=maps_of(ids))
    grid = panels(workspace.figures()["figure-5"], 2)
    assert [line[0].get_ylabel() for line in grid] == ["benign\n40X", "malignant\n40X"]


def test_only_fine_tuned_models_of_fold_0_with_all_labels_are_shown(workspace: Workspace) -> None:
    ids = [sample(40, 0)]
    workspace.add("exp-13", "fixed", label="Fixed Pair", maps=maps_of(ids), magnification=None)
    for changes in ({"fold": 1}, {"label_fraction": 0.2}, {"adaptation": "linear"}):
        workspace.add("exp-14", "ordered", maps=maps_of(ids), magnification=None, **changes)
    grid = panels(workspace.figures()["figure-7"], 2)
    assert [axes.get_title() for axes in grid[0]] == ["test image", "Fixed Pair"]
    assert [line[0].get_ylabel() for line in grid] == ["benign"]


def test_experiments_of_the_two_label_settings_are_never_shown_together(
    workspace: Workspace,
) -> None:
    ids = [sample(40, 0)]
    workspace.add("exp-1", label="ImageNet", maps=maps_of(ids))
    workspace.add("exp-3", "ordered", label="Ordered Pair", maps=maps_of(ids))
    workspace.add("exp-6", "fixed", label="Fixed Pair", maps=maps_of(ids))
    entry = workspace.figures()["figure-5"]
    assert "Exp-1 and Exp-3" in entry.caption
    assert [axes.get_title() for axes in panels(entry, 3)[0]] == [
        "test image", "ImageNet", "Ordered Pair",
    ]  # fmt: skip


def test_without_maps_the_reason_says_how_to_get_them(workspace: Workspace) -> None:
    workspace.add("exp-9", dataset="bach", magnification=None)
    entry = workspace.figures()["figure-6"]
    assert entry.figure is None
    assert entry.fed
    assert "none of fold 0 holds attention maps" in (entry.reason or "")
    assert "--set attention_images=2" in (entry.hint or "")


def test_a_damaged_file_is_named_and_the_others_are_drawn(workspace: Workspace) -> None:
    ids = [sample(40, 0)]
    workspace.add("exp-5", label="ImageNet", maps=maps_of(ids))
    broken = workspace.add("exp-6", "fixed", label="Fixed Pair", maps=maps_of(ids))
    workspace.figures()
    (broken / "attention.npz").write_bytes(b"no zip")
    entry = workspace.figures()["figure-5"]
    assert [axes.get_title() for axes in panels(entry, 2)[0]] == ["test image", "ImageNet"]
    assert any("damaged" in warning for warning in entry.warnings)


def test_figure_9_has_a_row_per_strategy_and_a_column_per_magnification(
    workspace: Workspace,
) -> None:
    for fold in (1, 0):
        for experiment, strategy, label in BREAKHIS[::-1]:
            stages = () if strategy == "none" else (workspace.pretraining(strategy, fold=fold),)
            workspace.add(experiment, strategy, label=label, fold=fold, stages=stages)
    entry = workspace.figures("small")["figure-9"]
    grid = panels(entry, 2)
    assert [axes.get_title() for axes in grid[0]] == ["40X, n = 8", "100X, n = 8"]
    assert [line[0].get_ylabel() for line in grid] == ["Fixed Pair", "Ordered Pair"]
    for line in grid:
        for axes in line:
            assert [len(points.get_offsets()) for points in axes.collections] == [4, 4]
    assert entry.warnings == ("Scaled-down run (scale small): not comparable with the paper's.",)
    for part in ("fold 0", "resnet50", "perplexity 2.33", "seed 0", "before any fine-tuning"):
        assert part in entry.caption


def test_pretrainings_that_differ_in_more_than_the_strategy_are_named(
    workspace: Workspace,
) -> None:
    workspace.add("exp-6", "fixed", stages=(workspace.pretraining("fixed", epochs=9),))
    workspace.add("exp-7", "ordered", stages=(workspace.pretraining("ordered", epochs=5),))
    entry = workspace.figures()["figure-9"]
    assert entry.warnings == ("The pre-trainings differ in epochs too.",)


def test_features_that_collapsed_say_so_in_their_place(workspace: Workspace) -> None:
    same = np.ones((len(SAMPLES), 6), dtype=np.float32)
    workspace.add("exp-6", "fixed", stages=(workspace.pretraining("fixed", features=same),))
    entry = workspace.figures()["figure-9"]
    (line,) = panels(entry, 2)
    assert [text.get_text() for text in line[0].texts] == ["all features are equal"]


def test_without_features_the_reason_says_so(workspace: Workspace) -> None:
    key = workspace.pretraining("fixed")
    workspace.add("exp-6", "fixed", stages=(key,))
    workspace.figures()
    (workspace.root / "results" / key / "features.parquet").unlink()
    entry = workspace.figures()["figure-9"]
    assert entry.figure is None
    assert entry.fed
    assert "Of 1 finished pre-training of these protocols, none holds" in (entry.reason or "")


def test_the_figures_of_a_workspace_are_the_same_bytes_a_second_time(workspace: Workspace) -> None:
    workspace.add(
        "exp-6", "fixed", maps=maps_of([sample(40, 0)]), stages=(workspace.pretraining("fixed"),)
    )
    first, second = workspace.figures(), workspace.figures()
    for name in ("figure-5", "figure-9"):
        one, other = first[name].figure, second[name].figure
        assert one is not None
        assert other is not None
        for kind in ("png", "svg"):
            assert rendered(one, kind) == rendered(other, kind)
