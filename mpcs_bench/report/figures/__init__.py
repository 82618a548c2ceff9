"""The paper's figures from a workspace's results (docs/figures.md)."""

from mpcs_bench.report.figures.build import build_figures
from mpcs_bench.report.figures.entry import FigureEntry
from mpcs_bench.report.figures.save import rendered, save_figures
from mpcs_bench.report.figures.strategies import DeclaredStrategy, declared_strategies

__all__ = [
    "DeclaredStrategy",
    "FigureEntry",
    "build_figures",
    "declared_strategies",
    "rendered",
    "save_figures",
]
