"""Several methods ranked at once: which stand in one diagram, and over which blocks."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest

from mpcs_bench.report.figures import FigureEntry, build_figures
from mpcs_bench.report.figures.critical_difference import (
    critical_difference_entry,
)
from mpcs_bench.report.figures.entry import FigureError
from mpcs_bench.report.figures.evidence import Evidence
from mpcs_bench.report.model import Unit
from mpcs_bench.report.source import CellRecord, MetricValue

METHODS = {
    "exp-1": ("ImageNet", "none", 0.80),
    "exp-2": ("Fixed Pair", "fixed", 0.90),
    "exp-3": ("Ordered Pair", "ordered", 0.94),
}


def score(experiment: str, fold: int, magnification: int | None) -> float:
    return METHODS[experiment][2] + 0.01 * fold + 0.0001 * (magnification or 0)


class Cells:
    """Collects finished cells with one accuracy each."""

    def __init__(self) -> None:
        self.cells: list[CellRecord] = []
        self.values: dict[str, dict[int, tuple[MetricValue, ...]]] = {}

    def add(
        self,
        experiment: str,
        *,
        folds: int = 5,
        magnifications: tuple[int | None, ...] = (40, 100),
        metric: str | None = "patient_accuracy",
        split_seed: int = 0,
        seed: int = 0,
        split: str = "split",
        encoder: str = "resnet50",
        weights: str = "imagenet",
        conditions: dict[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        label, strategy, _ = METHODS[experiment]
        factors = {"encoder": encoder, "weights": weights, "strategy": strategy,
                   "loss": "nt-xent", "adaptation": "finetune"}  # fmt: skip
        given: dict[str, Any] = {
            "dataset": "breakhis", "label_fraction": 1.0, "scale": "paper",
            "state": "planned" if metric is None else "done", "fingerprint": "f" * 64,
            "conditions": {"finetuning.epochs": 60} | (conditions or {}),
            "groups_train": 64, "groups_test": 16,
        }  # fmt: skip
        for magnification, fold in product(magnifications, range(folds)):
            number = len(self.cells)
            cell = CellRecord(
                **(given | changes),
                cell_id=number,
                symbolic=f"{experiment}/{number}",
                experiment=experiment,
                label=label,
                position=number,
                factors=tuple(factors.items()),
                train_magnification=magnification,
                unit=Unit(split_seed, fold, seed),
                replicate=0,
                reason=None,
                split_hash=f"{split} {split_seed}, fold {fold}",
                finished=None,
            )
            self.cells.append(cell)
            if metric is not None:
                value = score(experiment, fold, magnification)
                self.values.setdefault(metric, {})[number] = (
                    MetricValue(number, magnification, metric, value, 16),
                )

    def add_all(self, **changes: Any) -> None:
        for experiment in METHODS:
            self.add(experiment, **changes)

    def entry(self) -> FigureEntry:
        evidence = Evidence(("exp",), tuple(self.cells), self.values, {})
        return critical_difference_entry(evidence)


@pytest.fixture
def cells() -> Cells:
    return Cells()


def panels(found: FigureEntry) -> list[Any]:
    assert found.figure is not None
    return [axes for axes in found.figure.axes if axes.get_title()]


def names(axes: Any) -> set[str]:
    """Return the names that stand beside an axis of ranks, each with its rank."""
    texts = (text.get_text().replace("\n", " ") for text in axes.texts)
    return {text for text in texts if re.search(r"(?<!=) \d\.\d\d$", text)}


def test_methods_stand_at_their_average_ranks_over_folds(cells: Cells) -> None:
    cells.add_all()
    found = cells.entry()
    (axes,) = panels(found)
    assert axes.get_title() == "breakhis, resnet50\nExp-1, Exp-2 and Exp-3"
    assert names(axes) == {"Ordered Pair 1.00", "Fixed Pair 2.00", "ImageNet 3.00"}
    assert "CD = 1.48" in [text.get_text() for text in axes.texts]
    assert found.warnings == ()


def test_the_caption_names_blocks_their_number_and_the_critical_difference(cells: Cells) -> None:
    """Five folds, not ten: the magnifications of a fold are no further blocks."""
    cells.add_all()
    caption = cells.entry().caption
    assert (
        "breakhis, resnet50, Exp-1, Exp-2 and Exp-3: 3 methods by patient-level accuracy; blocks: "
        "5 folds, each the mean over 40X, 100X (N = 5); critical difference 1.48; Friedman's "
        "chi-squared(2) = 10.00, p = 0.0067."
    ) in caption
    assert "Descriptive" in caption
    assert "no claim" in caption


def test_the_picture_itself_says_that_it_is_descriptive(cells: Cells) -> None:
    cells.add_all()
    found = cells.entry()
    assert found.figure is not None
    assert "descriptive" in found.figure.get_supxlabel()


def test_seeds_of_a_fold_are_averaged_and_are_no_further_blocks(cells: Cells) -> None:
    for seed in range(2):
        cells.add_all(seed=seed, folds=3)
    assert "blocks: 3 folds, each the mean" in cells.entry().caption


def test_only_blocks_that_all_methods_have_are_ranked(cells: Cells) -> None:
    cells.add("exp-1", folds=5)
    cells.add("exp-2", folds=3)
    cells.add("exp-3", folds=4)
    assert "(N = 3)" in cells.entry().caption


def test_repeated_cross_validations_count_their_folds_and_name_the_splits(cells: Cells) -> None:
    for split_seed in range(2):
        cells.add_all(folds=2, split_seed=split_seed)
    assert "blocks: 4 folds of 2 splits" in cells.entry().caption


def test_a_data_set_without_magnifications_or_patients_is_ranked_by_images(cells: Cells) -> None:
    cells.add_all(magnifications=(None,), metric="image_accuracy", dataset="bach")
    assert (
        "3 methods by image-level accuracy; blocks: 5 folds (N = 5); critical"
        in cells.entry().caption
    )


def test_each_data_set_encoder_and_fraction_of_labels_has_its_own_diagram(
    cells: Cells,
) -> None:
    cells.add_all()
    cells.add_all(encoder="efficientnet-b2")
    cells.add_all(dataset="bach", label_fraction=0.05, magnifications=(None,))
    titles = [axes.get_title().split("\n")[0] for axes in panels(cells.entry())]
    assert titles == [
        "breakhis, resnet50",
        "breakhis, efficientnet-b2",
        "bach, resnet50, 5 % of labels",
    ]


def test_methods_under_other_conditions_are_never_ranked_together(cells: Cells) -> None:
    cells.add("exp-1")
    cells.add("exp-2")
    cells.add("exp-3", conditions={"finetuning.epochs": 7})
    with pytest.raises(FigureError, match="no three methods") as caught:
        cells.entry()
    assert not caught.value.fed


def test_methods_on_other_splits_are_never_ranked_together(cells: Cells) -> None:
    cells.add("exp-1")
    cells.add("exp-2")
    cells.add("exp-3", split="another split")
    with pytest.raises(FigureError, match="no three methods"):
        cells.entry()


def test_a_row_without_pre_training_stands_beside_each_setting_of_it(cells: Cells) -> None:
    cells.add("exp-1")
    for epochs in (10, 90):
        settings = {"pretraining.epochs": epochs}
        for experiment in ("exp-2", "exp-3"):
            cells.add(experiment, conditions=settings)
    found = panels(cells.entry())
    assert [len(names(axes)) for axes in found] == [3, 3]


def test_variants_of_one_label_are_told_apart_by_what_differs(cells: Cells) -> None:
    for weights in ("imagenet", "random"):
        cells.add("exp-1", weights=weights)
    cells.add("exp-2")
    (axes,) = panels(cells.entry())
    assert {name[:-5] for name in names(axes)} == {"Fixed Pair"} | {
        f"ImageNet (weights = {weights})" for weights in ("imagenet", "random")
    }


def test_a_scaled_down_run_is_marked(cells: Cells) -> None:
    cells.add_all(scale="smoke")
    assert cells.entry().warnings == (
        "breakhis: Scaled-down run (scale smoke): not comparable with published values.",
    )


def test_one_fold_is_too_few_and_says_so(cells: Cells) -> None:
    cells.add_all(folds=1)
    with pytest.raises(FigureError, match="1 fold that all 3 have") as caught:
        cells.entry()
    assert caught.value.fed


def test_planned_methods_feed_the_figure(cells: Cells) -> None:
    cells.add_all(metric=None)
    with pytest.raises(FigureError, match="fewer than three have results") as caught:
        cells.entry()
    assert caught.value.fed


def test_two_blocks_of_three_methods_are_out_of_reach(cells: Cells) -> None:
    cells.add_all(folds=2)
    found = cells.entry()
    (axes,) = panels(found)
    assert "critical difference 2.34, further than any two ranks" in found.caption
    assert any("out of reach" in text.get_text() for text in axes.texts)


def test_it_is_among_the_figures_of_a_workspace(bench: Any) -> None:
    for experiment, (label, strategy, _) in METHODS.items():
        values = [score(experiment, fold, 40) for fold in range(3)]
        bench.folds(experiment, values, label=label, strategy=strategy)
    with bench.connection() as connection:
        entries = build_figures(connection, bench.workspace / "results", ["exp"], None, ())
    found = next(one for one in entries if one.id == "critical-difference")
    assert names(panels(found)[0]) == {"Ordered Pair 1.00", "Fixed Pair 2.00", "ImageNet 3.00"}
    assert "blocks: 3 folds, at 40X (N = 3)" in found.caption
