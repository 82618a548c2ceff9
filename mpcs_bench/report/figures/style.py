"""How all figures look: fonts, sizes, colours that differ in grey, and a marker for each method.

Colours are Okabe and Ito's, which people with any kind of colour vision tell apart; markers and
lines say the same again for a print in grey.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Line = Literal["-", "--", "-.", ":"]

BLACK, BLUE, ORANGE, GREEN = "#000000", "#0072B2", "#E69F00", "#009E73"
VERMILLION, PURPLE, SKY, YELLOW = "#D55E00", "#CC79A7", "#56B4E9", "#F0E442"
GREY, FAINT = "#595959", "#D9D9D9"

COLUMN, PAGE = 3.4, 7.0
"""Width in inches of a column and of a page of the paper."""

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "figure.titlesize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": BLACK,
    "ytick.labelcolor": BLACK,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 5.0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "text.parse_math": False,  # a label may hold a dollar sign
    "svg.fonttype": "none",
    "svg.hashsalt": "mpcs-bench",
}
"""Set while a figure is drawn and saved; nothing of matplotlib's own state is changed."""


@dataclass(frozen=True, slots=True)
class Look:
    """Colour, marker and line of one method."""

    colour: str
    marker: str
    line: Line


LOOKS = (
    Look(BLUE, "o", "-"),
    Look(ORANGE, "s", "--"),
    Look(GREEN, "^", "-."),
    Look(PURPLE, "D", ":"),
    Look(VERMILLION, "v", "-"),
    Look(SKY, "P", "--"),
    Look(BLACK, "X", "-."),
)
CLASSES = (
    Look(BLUE, "o", "-"),
    Look(VERMILLION, "^", "-"),
    Look(GREEN, "s", "-"),
    Look(PURPLE, "D", "-"),
)
"""Of classes: in two, the first is benign (blue) and the second malignant (red), as printed."""


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Give each name a look of its own, in order; beyond seven they begin anew."""
    return {name: LOOKS[i % len(LOOKS)] for i, name in enumerate(dict.fromkeys(names))}


@contextmanager
def styled() -> Iterator[None]:
    """Draw, or save, in this style."""
    with mpl.rc_context():
        mpl.rcdefaults()  # a user's own style would make other bytes
        mpl.rcParams.update(STYLE)
        yield


def canvas(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches, whose parts make room for each other."""
    figure = Figure(figsize=(width, height), layout="constrained")
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(w_pad=0.04, h_pad=0.04)  # type: ignore[call-arg]
    return figure


def settled(figure: Figure) -> Figure:
    """Fix where everything stands, so that each later drawing is the same."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def wrapped(label: str, width: int) -> str:
    """Break a label into lines of at most `width` characters."""
    return "\n".join(wrap(label, width)) or label


def within_percent(axes: Axes) -> None:
    """Show nothing below 0 or above 100: intervals of few folds reach further, values do not."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0.0), min(high, 101.0))


def percent_axis(axes: Axes, which: str = "y") -> None:
    """Draw a grid along an axis of percentages, behind everything."""
    axes.grid(visible=True, axis="y" if which == "y" else "x")
