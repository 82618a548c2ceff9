"""Figures 8 and 10 and the matrices across magnifications, from a real store."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from mpcs_bench.report import ReportError
from mpcs_bench.report.figures import DeclaredStrategy, FigureEntry, build_figures
from mpcs_bench.report.published import Publication, published_papers

STRATEGIES = (
    DeclaredStrategy("fixed", "mpcs_paper/fixed", "mpcs_paper", 2, 0),
    DeclaredStrategy("ordered", "mpcs_paper/ordered", "mpcs_paper", 1, 1),
    DeclaredStrategy("random", "mpcs_paper/random", "mpcs_paper", 0, 2),
)
MPCS = {"fixed": ("exp-2", "exp-10"), "ordered": ("exp-3", "exp-11"), "random": ("exp-4", "exp-12")}
LABELS = {"fixed": "Fixed Pair", "ordered": "Ordered Pair", "random": "Random Pair"}
FOLDS = 2


@pytest.fixture(scope="module")
def paper() -> Publication:
    (found,) = [one for one in published_papers() if one.id == "mpcs-wacv-2023"]
    return found


def conditions(train: int, test: int, **more: Any) -> dict[str, Any]:
    return {"groups_train": train, "groups_test": test, **more}


def add_bach(bench: Any, fractions: tuple[float, ...] = (0.05, 1.0), **changes: Any) -> None:
    for strategy, (_, experiment) in MPCS.items():
        for fraction in fractions:
            for fold in range(FOLDS):
                value = 0.5 + 0.4 * fraction + 0.01 * fold
                bench.add(
                    experiment,
                    {"image_accuracy": value, "patch_accuracy": value - 0.1},
                    fold=fold,
                    magnification=None,
                    items=80,
                    **{
                        "label": LABELS[strategy],
                        "dataset": "bach",
                        "encoder": "resnet50",
                        "strategy": strategy,
                        "label_fraction": fraction,
                        "conditions": conditions(max(1, round(64 * fraction)), 16),
                    }
                    | changes,
                )


def add_breakhis(
    bench: Any,
    encoders: tuple[str, ...] = ("efficientnet-b2", "resnet50"),
    magnifications: tuple[int, ...] = (40, 100),
    **changes: Any,
) -> None:
    for encoder in encoders:
        for strategy, (experiment, _) in MPCS.items():
            for magnification in magnifications:
                for fold in range(FOLDS):
                    value = 0.85 + 0.01 * fold + 0.0001 * magnification
                    bench.add(
                        experiment,
                        {"patient_accuracy": value, "image_accuracy": value + 0.01},
                        fold=fold,
                        magnification=magnification,
                        items=16,
                        **{
                            "label": LABELS[strategy],
                            "dataset": "breakhis",
                            "encoder": encoder,
                            "strategy": strategy,
                            "label_fraction": 1.0,
                            "conditions": conditions(16, 16),
                        }
                        | changes,
                    )


def figures(bench: Any, paper: Publication | None, *protocols: str) -> dict[str, FigureEntry]:
    with bench.connection() as connection:
        entries = build_figures(
            connection,
            bench.workspace / "results",
            protocols or (bench.protocol,),
            paper,
            STRATEGIES,
        )
    return {entry.id: entry for entry in entries}


def markers(axes: Any, filled: bool) -> list[Any]:
    """Return the drawn lines with markers: filled are ours, open are published."""
    return [
        line
        for line in axes.lines
        if line.get_marker() not in ("None", "*", "|", "_")
        and (line.get_markerfacecolor() != "none") is filled
    ]


def bars(axes: Any) -> list[tuple[float, float, float]]:
    """Return x, low and high of every interval."""
    found = []
    for container in axes.containers:
        (segments,) = (part.get_segments() for part in container[2])
        ((x, low), (_, high)) = segments[0]
        found.append((float(x), float(low), float(high)))
    return found


def test_every_figure_is_listed_in_order_drawn_or_with_its_reason(bench: Any) -> None:
    bench.folds("other", [0.8, 0.9])
    found = figures(bench, None)
    beside = ("cross-magnification", "critical-difference")
    assert list(found) == [*(f"figure-{n}" for n in range(4, 11)), *beside]
    assert found["figure-4"].figure is not None
    for name, entry in found.items():
        if name != "figure-4":
            assert entry.figure is None
            assert not entry.fed
            assert entry.reason
            assert entry.hint
    assert "Exp-10, Exp-11 and Exp-12" in (found["figure-8"].reason or "")
    assert "mpcs-bench run exp-10 exp-11 exp-12" in (found["figure-8"].hint or "")


def test_cells_that_are_planned_are_counted_and_feed_the_figure(bench: Any) -> None:
    for fold in range(2):
        bench.add("exp-10", None, fold=fold, state="planned", dataset="bach", magnification=None)
    entry = figures(bench, None)["figure-8"]
    assert entry.figure is None
    assert entry.fed
    assert "Of 2 cells of Exp-10, Exp-11 and Exp-12, 0 are done" in (entry.reason or "")


def test_an_unknown_protocol_is_refused(bench: Any) -> None:
    bench.folds("exp-1", [0.8])
    with pytest.raises(ReportError, match="no cell of protocol 'exq'"):
        figures(bench, None, "exq")


def test_figure_8_has_a_panel_per_method_ours_with_intervals_and_the_published_means(
    bench: Any, paper: Publication
) -> None:
    add_bach(bench)
    entry = figures(bench, paper)["figure-8"]
    assert entry.figure is not None
    panels = entry.figure.axes
    assert [axes.get_title() for axes in panels] == list(LABELS.values())
    assert len({markers(axes, True)[0].get_color() for axes in panels}) == 3
    assert len({markers(axes, True)[0].get_marker() for axes in panels}) == 3
    for axes in panels:
        (ours,) = markers(axes, True)
        np.testing.assert_allclose(ours.get_xdata(), [5, 100])
        np.testing.assert_allclose(ours.get_ydata(), [52.5, 90.5])
        (star,) = (line for line in axes.lines if line.get_marker() == "*")
        assert (star.get_xdata()[0], star.get_ydata()[0]) == (100, 87.0)
    (printed,) = markers(panels[1], False)
    assert printed.get_ydata().tolist() == [50.0, 61.75, 71.0, 81.75, 87.75, 90.75, 91.85]
    assert entry.warnings == ()
    for part in ("Exp-10, Exp-11 and Exp-12", f"{FOLDS} folds of 80 images", "scale paper", "DPCL"):
        assert part in entry.caption
    assert "gives no other value" in entry.caption
    assert "n_test/n_train = 0.25 to 5.33" in entry.caption


def test_intervals_are_those_of_the_corrected_t(bench: Any, paper: Publication) -> None:
    add_bach(bench, fractions=(1.0,))
    entry = figures(bench, paper)["figure-8"]
    assert entry.figure is not None
    ((x, low, high),) = bars(entry.figure.axes[0])
    values = np.array([90.0, 91])
    error = np.sqrt((1 / 2 + 16 / 64) * values.var(ddof=1))
    half = stats.t.ppf(0.975, 1) * error
    assert (x, low, high) == pytest.approx((100, 90.5 - half, 90.5 + half))


@pytest.mark.parametrize("missing", ["groups", "folds"])
def test_without_what_an_interval_needs_there_is_none_and_the_caption_says_so(
    bench: Any, missing: str
) -> None:
    if missing == "groups":
        add_bach(bench, conditions={"epochs": 3})
    else:
        bench.add("exp-10", {"image_accuracy": 0.8}, dataset="bach", magnification=None)
    entry = figures(bench, None)["figure-8"]
    assert entry.figure is not None
    assert not any(bars(axes) for axes in entry.figure.axes)
    assert "No bars" in entry.caption
    assert "published" not in entry.caption


def test_figure_10_has_a_panel_per_encoder_and_the_published_mean_of_the_same_columns(
    bench: Any, paper: Publication
) -> None:
    add_breakhis(bench)
    entry = figures(bench, paper)["figure-10"]
    assert entry.figure is not None
    panels = entry.figure.axes
    assert [axes.get_title() for axes in panels] == ["efficientnet-b2", "resnet50"]
    for axes in panels:
        ours = markers(axes, True)
        assert [int(line.get_xdata()[0]) for line in ours] == [2, 1, 0]
        assert [line.get_ydata()[0] for line in ours] == pytest.approx([86.2] * 3)
        assert len({line.get_color() for line in ours}) == 3
        assert len(bars(axes)) == 3
        left, right = axes.get_xlim()
        assert left > right, "the strongest prior stands left"
    printed = [line.get_ydata()[0] for line in markers(panels[1], False)]
    of_two_columns = [(87.45 + 86.38) / 2, (87.88 + 88.21) / 2, (87.17 + 87.96) / 2]
    assert printed == pytest.approx(of_two_columns)
    assert "40X, 100X and 2 folds of 16 patients" in entry.caption


def test_with_all_four_magnifications_the_printed_mean_stands_beside(
    bench: Any, paper: Publication
) -> None:
    add_breakhis(bench, encoders=("resnet50",), magnifications=(40, 100, 200, 400))
    entry = figures(bench, paper)["figure-10"]
    assert entry.figure is not None
    printed = [line.get_ydata()[0] for line in markers(entry.figure.axes[0], False)]
    assert printed == pytest.approx([87.72, 88.38, 87.99])


def test_a_magnification_that_a_method_lacks_is_left_out_for_all(bench: Any) -> None:
    add_breakhis(bench, encoders=("resnet50",))
    for fold in range(FOLDS):
        bench.add("exp-2", {"patient_accuracy": 0.1}, label="Fixed Pair", fold=fold,
                  magnification=400, dataset="breakhis", encoder="resnet50", strategy="fixed",
                  label_fraction=1.0, conditions=conditions(16, 16))  # fmt: skip
    entry = figures(bench, None)["figure-10"]
    assert entry.figure is not None
    assert "mean over 40X, 100X and" in entry.caption
    ours = markers(entry.figure.axes[0], True)
    assert [line.get_ydata()[0] for line in ours] == pytest.approx([86.2] * 3)


def test_a_strategy_that_is_not_registered_is_named_and_not_drawn(bench: Any) -> None:
    add_breakhis(bench, encoders=("resnet50",))
    bench.add("exp-4", {"patient_accuracy": 0.9}, label="Mine", dataset="breakhis",
              encoder="mine", strategy="mine", label_fraction=1.0)  # fmt: skip
    entry = figures(bench, None)["figure-10"]
    assert entry.figure is not None
    assert len(entry.figure.axes) == 1
    assert any("Mine not drawn" in warning for warning in entry.warnings)


def test_models_tested_across_magnifications_have_their_matrix(bench: Any) -> None:
    for fold in range(FOLDS):
        for train in (40, 100):
            metrics = {
                (metric, test): 0.9 - abs(train - test) / 1000 + 0.01 * fold
                for test in (40, 100, 200)
                for metric in ("patient_accuracy", "image_accuracy")
            }
            bench.add("exp-3", metrics, label="Ordered Pair", fold=fold, magnification=train,
                      dataset="breakhis", strategy="ordered", label_fraction=1.0)  # fmt: skip
        bench.add("exp-1", {("patient_accuracy", 40): 0.8}, fold=fold, dataset="breakhis")
    entry = figures(bench, None)["cross-magnification"]
    assert entry.figure is not None
    panel, _bar = entry.figure.axes
    assert panel.get_title() == "Ordered Pair (Exp-3)"
    shown = {text.get_position(): text.get_text() for text in panel.texts}
    assert shown == {
        (0, 0): "90.5\n±0.7", (1, 0): "84.5\n±0.7", (2, 0): "74.5\n±0.7",
        (0, 1): "84.5\n±0.7", (1, 1): "90.5\n±0.7", (2, 1): "80.5\n±0.7",
    }  # fmt: skip
    assert "n = 2" in entry.caption
    assert "Patient-level accuracy" in entry.caption
