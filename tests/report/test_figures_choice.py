"""Which cells a figure shows: one scale, one state of the data, one encoder, one variant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench.report.figures.choice import Choice, choose, incomplete, unequal
from mpcs_bench.report.figures.entry import FigureError
from mpcs_bench.report.figures.estimates import Estimate, estimate, shared_columns
from mpcs_bench.report.figures.evidence import Evidence, scale_rank
from mpcs_bench.report.figures.label_efficiency import label_efficiency_entry
from mpcs_bench.report.model import Unit
from mpcs_bench.report.source import CellRecord, MetricValue

EXPERIMENTS = ("exp-10", "exp-11", "exp-12")


class Cells:
    """Collects finished cells with one accuracy each."""

    def __init__(self) -> None:
        self.cells: list[CellRecord] = []
        self.values: dict[int, tuple[MetricValue, ...]] = {}

    def add(
        self,
        experiment: str = "exp-10",
        value: float | None = 0.5,
        *,
        fold: int = 0,
        seed: int = 0,
        magnification: int | None = None,
        encoder: str = "resnet50",
        **changes: Any,
    ) -> None:
        number = len(self.cells)
        factors = {"encoder": encoder, "weights": "imagenet", "strategy": "fixed",
                   "loss": "nt-xent", "adaptation": "finetune"}  # fmt: skip
        given: dict[str, Any] = {
            "symbolic": f"{experiment}/{encoder}/{magnification}/{fold}/{seed}/{len(changes)}",
            "experiment": experiment,
            "label": experiment.upper(),
            "position": number,
            "dataset": "bach",
            "label_fraction": 1.0,
            "scale": "paper",
            "state": "planned" if value is None else "done",
            "fingerprint": "f" * 64,
            "conditions": {"epochs": 5},
            "groups_train": 64,
            "groups_test": 16,
        }
        self.cells.append(
            CellRecord(
                **(given | changes),
                cell_id=number,
                factors=tuple(factors.items()),
                train_magnification=magnification,
                unit=Unit(0, fold, seed),
                replicate=0,
                reason=None,
                split_hash=f"fold {fold}",
                finished=None,
            )
        )
        if value is not None:
            self.values[number] = (MetricValue(number, magnification, "image_accuracy", value, 80),)

    @property
    def useful(self) -> Callable[[CellRecord], bool]:
        return lambda cell: cell.cell_id in self.values

    def evidence(self) -> Evidence:
        folders: dict[int, Path] = {}
        return Evidence(("exp",), tuple(self.cells), {"image_accuracy": self.values}, folders)

    def choose(self) -> Choice:
        return choose(self.evidence(), EXPERIMENTS, self.useful, dataset="bach")

    def estimates(self) -> list[Estimate | None]:
        choice = self.choose()
        columns = shared_columns(choice.groups, self.values)
        return [estimate(group, columns, self.values, "image_accuracy") for group in choice.groups]


@pytest.fixture
def cells() -> Cells:
    return Cells()


def test_scales_are_ranked_paper_small_smoke_and_then_the_others() -> None:
    found = sorted(["quickstart", "smoke", "ci", "paper", "small"], key=scale_rank)
    assert found == ["paper", "small", "smoke", "ci", "quickstart"]


def test_the_best_scale_is_drawn_and_the_others_are_named(cells: Cells) -> None:
    for fold in range(3):
        cells.add(scale="smoke", fold=fold)
    cells.add(scale="small", seed=1)
    choice = cells.choose()
    assert choice.scale == "small"
    assert [group.first.scale for group in choice.groups] == ["small"]
    assert choice.warnings == (
        "Scaled-down run (scale small): not comparable with published values.",
        "Results at scale smoke are not drawn.",
    )


def test_two_states_of_the_data_are_never_pooled(cells: Cells) -> None:
    for fold in range(2):
        cells.add(value=0.5, fold=fold)
    cells.add(value=0.9, fold=0, fingerprint="e" * 64)
    (found,) = cells.estimates()
    assert found is not None
    assert (found.mean, found.folds) == (50, 2)
    assert cells.choose().warnings == (
        "Results on 1 other state of the data (another fingerprint) are not drawn.",
    )


def test_two_data_sets_are_never_pooled_and_the_papers_own_is_preferred(cells: Cells) -> None:
    for experiment in EXPERIMENTS:
        cells.add(experiment, dataset="tissue")
    cells.add(dataset="bach", seed=1)
    assert cells.choose().dataset == "bach"
    assert cells.choose().warnings == ("Results on tissue are not drawn.",)


def test_another_data_set_alone_is_drawn_with_a_warning(cells: Cells) -> None:
    cells.add(dataset="tissue")
    assert cells.choose().warnings == (
        "Of the data set 'tissue', where the paper's figure is of bach.",
    )


def test_encoders_are_rows_of_their_own_and_the_papers_comes_first(cells: Cells) -> None:
    cells.add(value=0.2, encoder="efficientnet-b2")
    cells.add(value=0.6)
    assert cells.choose().encoders("resnet50") == ("resnet50", "efficientnet-b2")
    assert [found.mean for found in cells.estimates() if found] == [20, 60]


def test_variants_of_an_experiment_are_never_pooled_and_the_fullest_is_drawn(cells: Cells) -> None:
    cells.add(value=0.1, conditions={"epochs": 1})
    for fold in range(2):
        cells.add(value=0.7, fold=fold)
    (found,) = cells.estimates()
    assert found is not None
    assert (found.mean, found.folds) == (70, 2)
    assert cells.choose().warnings == (
        "EXP-10 was run in 2 variants; drawn is the one with epochs = 5.",
    )


def test_seeds_of_a_fold_are_averaged_before_folds_are(cells: Cells) -> None:
    for seed, value in enumerate((0.4, 0.6, 0.8)):
        cells.add(value=value, seed=seed)
    cells.add(value=0.7, fold=1)
    (found,) = cells.estimates()
    assert found is not None
    assert found.folds == 2
    assert found.mean == pytest.approx(65)


def test_a_mean_is_over_the_magnifications_that_all_rows_have(cells: Cells) -> None:
    for experiment in ("exp-10", "exp-11"):
        for magnification in (40, 100):
            cells.add(experiment, 0.5, magnification=magnification)
    cells.add("exp-10", 0.1, magnification=400)
    assert [found.mean for found in cells.estimates() if found] == [50, 50]


def test_a_fold_without_all_of_them_is_left_out(cells: Cells) -> None:
    for fold, magnification, value in ((0, 40, 0.5), (0, 100, 0.7), (1, 40, 0.9)):
        cells.add(value=value, fold=fold, magnification=magnification)
    (found,) = cells.estimates()
    assert found is not None
    assert (found.mean, found.folds) == (pytest.approx(60), 1)


def test_no_interval_without_the_number_of_groups_or_without_spread(cells: Cells) -> None:
    for fold, value in enumerate((0.5, 0.6)):
        cells.add("exp-10", value, fold=fold, groups_train=None)
        cells.add("exp-11", 0.5, fold=fold)
        cells.add("exp-12", value, fold=fold)
    unknown, equal, known = cells.estimates()
    assert unknown is not None
    assert equal is not None
    assert known is not None
    assert (unknown.low, unknown.ratio) == (None, None)
    assert (equal.low, equal.ratio) == (None, 0.25)
    assert known.low is not None


def test_what_was_selected_on_test_is_marked(cells: Cells) -> None:
    cells.add(selected_on_test=True)
    (warning,) = cells.choose().warnings
    assert warning == "EXP-10: epoch chosen on the test part, so that values are optimistic."


def test_cells_that_claim_one_place_are_named(cells: Cells) -> None:
    cells.add(symbolic="one")
    cells.add(symbolic="other")
    assert cells.choose().warnings == (
        "EXP-10: several cells claim the same place, and are set aside.",
    )


def test_what_has_no_result_yet_is_counted(cells: Cells) -> None:
    cells.add()
    cells.add(value=None, fold=1)
    assert incomplete(cells.choose().groups, cells.useful) == ("1 of 2 cells have no result yet.",)
    with pytest.raises(FigureError, match="Of 1 cell of Exp-11, 0 are done"):
        cells.add("exp-11", None)
        choose(cells.evidence(), ("exp-11",), cells.useful, dataset="bach")


def test_rows_under_other_conditions_are_named(cells: Cells) -> None:
    cells.add("exp-10")
    cells.add("exp-11", conditions={"epochs": 7})
    assert unequal(cells.choose().groups) == (
        "Conditions differ between EXP-10 and EXP-11: epochs: 5 against 7.",
    )


def test_rows_of_other_label_fractions_may_differ_in_their_conditions(cells: Cells) -> None:
    cells.add("exp-10", label_fraction=0.2, conditions={"epochs": 7})
    cells.add("exp-11")
    entry = label_efficiency_entry(cells.evidence(), None, ())
    assert entry.figure is not None
    assert entry.warnings == ()
