"""Figures as pictures: what stands on their axes, and files that repeat to the byte."""

from __future__ import annotations

import io
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from mpcs_bench.errors import StoreError
from mpcs_bench.registry.registry import Registry
from mpcs_bench.report.figures import (
    DeclaredStrategy,
    FigureEntry,
    declared_strategies,
    rendered,
    save_figures,
)
from mpcs_bench.report.figures.attention import AttentionRow, Look, attention_figure, overlay
from mpcs_bench.report.figures.cross_magnification import (
    CrossMatrix,
    CrossValue,
    cross_magnification_figure,
)
from mpcs_bench.report.figures.embedding import Embedding, EmbeddingRow, embed, embedding_figure
from mpcs_bench.report.figures.entry import FigureError
from mpcs_bench.report.figures.human_prior import human_prior_entry, human_prior_figure
from mpcs_bench.report.figures.style import CLASSES, LOOKS, looks

SVG = "{http://www.w3.org/2000/svg}"
ACME = DeclaredStrategy("acme-pair", "acme/acme-pair", "acme", 1, 1)
RIVALS = (
    DeclaredStrategy("fixed", "mpcs_paper/fixed", "mpcs_paper", 2, 0),
    DeclaredStrategy("ordered", "mpcs_paper/ordered", "mpcs_paper", 1, 1),
    DeclaredStrategy("random", "mpcs_paper/random", "mpcs_paper", 0, 2),
)


def grey(colour: str) -> float:
    return float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))


def texts(svg: bytes) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter(f"{SVG}text")]


def test_the_first_looks_differ_in_colour_marker_and_grey() -> None:
    assert len({look.colour for look in LOOKS}) == len(LOOKS)
    assert len({look.marker for look in LOOKS}) == len(LOOKS)
    for chosen in (LOOKS[:2], CLASSES[:2], (LOOKS[1], LOOKS[2])):
        first, second = (grey(look.colour) for look in chosen)
        assert abs(first - second) > 0.08
    assert list(looks(["a", "b", "a"])) == ["a", "b"]


def test_figure_4_places_every_registered_strategy_where_it_declares_itself() -> None:
    strategies = declared_strategies(Registry.discover())
    assert [one.name for one in strategies] == ["fixed", "ordered", "random"]
    figure = human_prior_figure(strategies)
    (axes,) = figure.axes
    marked = [line for line in axes.lines if line.get_marker() != "None"]
    places = [(int(line.get_xdata()[0]), int(line.get_ydata()[0])) for line in marked]
    assert places == [(2, 0), (1, 1), (0, 2)]
    assert len({line.get_color() for line in marked}) == 3
    assert [text.get_text() for text in axes.texts] == ["fixed", "ordered", "random"]


def test_figure_4_shows_strangers_too_and_two_at_one_place() -> None:
    entry = human_prior_entry((*RIVALS, ACME))
    assert entry.figure is not None
    (axes,) = entry.figure.axes
    assert "ordered\nacme-pair" in [text.get_text() for text in axes.texts]
    assert "acme" in entry.caption


def test_figure_4_without_strategies_says_so() -> None:
    with pytest.raises(FigureError, match="No pair strategy"):
        human_prior_entry(())


def attention(right: bool = True) -> AttentionRow:
    picture = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    heat = np.zeros((24, 32), dtype=np.float16)
    heat[:8] = 1
    looks_of = (Look(heat, "malignant", 0.91, right), Look(0 * heat, "benign", 0.6, not right))
    return AttentionRow("malignant\n40X", picture, (*looks_of, None))


def test_an_attention_figure_has_a_row_per_image_and_a_column_per_method() -> None:
    figure = attention_figure(["ImageNet", "MPCS-OP", "MPCS-RP"], [attention(), attention(False)])
    *panels, bar = figure.axes
    assert len(panels) == 2 * 4
    assert [axes.get_title() for axes in panels[:4]] == [
        "test image", "ImageNet", "MPCS-OP", "MPCS-RP",
    ]  # fmt: skip
    assert panels[0].get_ylabel() == "malignant\n40X"
    below = [axes.get_xlabel() for axes in panels]
    assert below == [
        "", "✓ malignant 0.91", "✗ benign 0.60", "",
        "", "✗ malignant 0.91", "✓ benign 0.60", "",
    ]  # fmt: skip
    assert [text.get_text() for text in panels[2].texts] == ["none"]
    assert [text.get_text() for text in panels[3].texts] == ["no map"]
    assert "true class" in bar.get_xlabel()


def test_a_map_is_red_and_darker_where_it_is_strong_and_leaves_the_image_where_it_is_not() -> None:
    picture = np.full((4, 4, 3), 200, dtype=np.uint8)
    heat = np.zeros((4, 4))
    heat[0] = 1
    seen = overlay(picture, heat)
    assert np.ptp(seen[1:], axis=2).max() < 1e-9, "no colour where there is no evidence"
    red, green, blue = seen[0, 0]
    assert red > 2 * green
    assert red > 2 * blue
    assert seen[0].mean() < seen[1].mean() - 0.2


def two_groups(n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(n) % 2
    noise = np.random.default_rng(0).normal(size=(n, 8))
    return (noise + 30 * labels[:, None]).astype(np.float32), labels


def test_groups_that_lie_apart_lie_apart_in_the_plane_and_the_plane_repeats() -> None:
    features, labels = two_groups()
    found, again = embed(features, labels), embed(features, labels)
    assert isinstance(found, Embedding)
    assert isinstance(again, Embedding)
    np.testing.assert_array_equal(found.points, again.points)
    assert found.perplexity == pytest.approx(23 / 3)
    distance = np.linalg.norm(found.points[:, None] - found.points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert np.mean(labels[distance.argmin(1)] == labels) == 1


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (np.zeros((3, 4), np.float32), "n = 3: too few"),
        (np.ones((9, 4), np.float32), "all features are equal"),
        (np.full((9, 4), np.nan, np.float32), "features are not finite"),
    ],
)
def test_features_without_neighbourhoods_say_why(features: np.ndarray, reason: str) -> None:
    assert embed(features, np.zeros(len(features), dtype=np.int64)) == reason


def test_figure_9_shows_benign_blue_and_malignant_red_with_markers_of_their_own() -> None:
    points = np.arange(12, dtype=np.float32).reshape(6, 2)
    panel = Embedding(points, np.array([0, 0, 0, 0, 1, 1]), 2.0)
    rows = [
        EmbeddingRow("fixed", (panel, "n = 2: too few")),
        EmbeddingRow("random", (panel, panel)),
    ]
    figure = embedding_figure(["40X, n = 6", "100X, n = 6"], rows, ["benign", "malignant"])
    assert [axes.get_title() for axes in figure.axes[:2]] == ["40X, n = 6", "100X, n = 6"]
    assert [figure.axes[i].get_ylabel() for i in (0, 2)] == ["fixed", "random"]
    benign, malignant = figure.axes[0].collections
    assert (len(benign.get_offsets()), len(malignant.get_offsets())) == (4, 2)
    blue, red = (collection.get_facecolor()[0] for collection in (benign, malignant))
    assert blue[2] > blue[0]
    assert red[0] > red[2]
    assert not np.array_equal(benign.get_paths()[0].vertices, malignant.get_paths()[0].vertices)
    assert [text.get_text() for text in figure.axes[1].texts] == ["n = 2: too few"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["benign", "malignant"]


def test_matrices_across_magnifications_are_annotated_and_framed_where_tested_as_trained() -> None:
    values = {
        (train, test): CrossValue(90 - abs(train - test) / 10, 2.5, 5)
        for train in (40, 100)
        for test in (40, 100)
    }
    matrix = CrossMatrix("MPCS-OP (Exp-3)", (40, 100), (40, 100), values)
    figure = cross_magnification_figure([matrix, matrix], "patient-level accuracy")
    first, second, bar = figure.axes
    assert [text.get_text() for text in first.texts] == [
        "90.0\n±2.5", "84.0\n±2.5", "84.0\n±2.5", "90.0\n±2.5",
    ]  # fmt: skip
    framed = [patch for patch in first.patches if patch.get_edgecolor() == (0, 0, 0, 1)]
    assert sorted(patch.get_x() for patch in framed) == [-0.5, 0.5]
    assert [label.get_text() for label in first.get_xticklabels()] == ["40X", "100X"]
    assert (first.get_ylabel(), second.get_ylabel()) == ("trained at", "")
    assert bar.get_ylabel() == "patient-level accuracy, %"


def entry(name: str = "figure-4") -> FigureEntry:
    return FigureEntry(id=name, title="A figure", figure=human_prior_figure(RIVALS))


def test_a_figure_is_saved_as_png_of_200_dpi_and_as_svg_with_text_as_text(tmp_path: Path) -> None:
    missing = FigureEntry(id="figure-5", title="Not there", reason="no maps")
    paths = save_figures([entry(), missing], tmp_path / "figures")
    assert [path.name for path in paths] == ["figure-4.png", "figure-4.svg"]
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(
        path.name for path in paths
    )
    with Image.open(paths[0]) as picture:
        picture.load()
        assert picture.size == (680, 540)
        assert picture.info["dpi"][0] == pytest.approx(200, abs=0.1)
    svg = paths[1].read_bytes()
    assert {"fixed", "ordered", "random"} <= set(texts(svg))
    assert b"dc:date" not in svg


def test_the_same_figure_is_the_same_bytes_however_often_it_is_drawn() -> None:
    one, other = entry().figure, entry().figure
    assert one is not None
    assert other is not None
    for kind in ("png", "svg"):
        first = rendered(one, kind)
        assert rendered(one, kind) == first
        assert rendered(other, kind) == first


def test_a_users_own_style_changes_nothing_and_stays_as_it_was() -> None:
    expected = rendered(human_prior_figure(RIVALS), "svg")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert rendered(human_prior_figure(RIVALS), "svg") == expected
        assert mpl.rcParams["font.size"] == 30


def test_a_label_is_printed_as_it_is_written() -> None:
    odd = DeclaredStrategy("$x$ & <b>", "acme/$x$ & <b>", "acme", 0, 2)
    assert "$x$ & <b>" in texts(rendered(human_prior_figure((*RIVALS[:2], odd)), "svg"))


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="Cannot write"):
        save_figures([entry()], tmp_path / "file" / "figures")


def test_drawing_needs_neither_a_display_nor_torch_nor_the_state_of_pyplot() -> None:
    code = (
        "import sys\n"
        "import mpcs_bench.report.figures as figures\n"
        "from mpcs_bench.report.figures.human_prior import human_prior_figure\n"
        "one = figures.DeclaredStrategy('a', 'b/a', 'b', 1, 1)\n"
        "sys.stdout.buffer.write(figures.rendered(human_prior_figure([one]), 'png'))\n"
        "found = {'torch', 'timm', 'captum', 'matplotlib.pyplot'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Image.open(io.BytesIO(done.stdout)).format == "PNG"
