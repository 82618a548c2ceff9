"""Figure 4: how much of a pair a human fixes, against what is left to chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mpcs_bench.report.figures.entry import FigureEntry, FigureError
from mpcs_bench.report.figures.strategies import DeclaredStrategy
from mpcs_bench.report.figures.style import COLUMN, GREY, canvas, looks, settled, styled

ID, TITLE = "figure-4", "Human prior against degrees of freedom"


def human_prior_entry(strategies: Sequence[DeclaredStrategy]) -> FigureEntry:
    """Return Figure 4. Raises FigureError where no strategy is registered."""
    if not strategies:
        raise FigureError(
            "No pair strategy is registered.",
            hint="`mpcs-bench plugins list` says which plugins were found, and which are broken.",
            fed=True,
        )
    packages = ", ".join(dict.fromkeys(one.package for one in strategies))
    return FigureEntry(
        id=ID,
        title=TITLE,
        of_results=False,
        caption=(
            f"What the {len(strategies)} registered pair strategies declare (from {packages}): of "
            "the magnifications of a pair, how many a human fixes (human prior) and how many are "
            "left to chance (degrees of freedom). Where the two make up all views of the pair, a "
            "strategy lies on the line. No result enters this figure."
        ),
        figure=human_prior_figure(strategies),
    )


def human_prior_figure(strategies: Sequence[DeclaredStrategy]) -> Figure:
    """Draw one marker for each pair of numbers, named by the strategies that declare them."""
    places: dict[tuple[int, int], list[DeclaredStrategy]] = defaultdict(list)
    for one in strategies:
        places[one.human_prior, one.degrees_of_freedom].append(one)
    look = looks(one.full_name for one in strategies)
    short = [one.name for one in strategies]
    views = sorted({one.views for one in strategies})
    with styled():
        figure = canvas(COLUMN, 2.7)
        axes = figure.add_subplot()
        for count in views:
            axes.plot([0, count], [count, 0], color=GREY, linewidth=0.8, linestyle=":", zorder=1)
        for (prior, freedom), here in places.items():
            for offset, one in enumerate(here):
                axes.plot(
                    prior,
                    freedom,
                    marker=look[one.full_name].marker,
                    color=look[one.full_name].colour,
                    markersize=8 + 4 * offset,
                    markerfacecolor=look[one.full_name].colour if offset == 0 else "none",
                    linestyle="none",
                    zorder=3,
                )
            names = [one.name if short.count(one.name) == 1 else one.full_name for one in here]
            axes.annotate(
                "\n".join(names),
                (prior, freedom),
                xytext=(9, 5),
                textcoords="offset points",
                va="bottom",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            )
        most = max(max(place) for place in places)
        axes.set_xlim(-0.25, max(most, views[-1]) + 0.75)
        axes.set_ylim(-0.25, max(most, views[-1]) + 0.6)
        axes.set_xlabel("human prior: magnifications that a human fixes")
        axes.set_ylabel("degrees of freedom: left to chance")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
        return settled(figure)
