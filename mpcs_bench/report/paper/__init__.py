"""A publication's tables and figures from our results, ours beside theirs (docs/reports.md)."""

from mpcs_bench.report.paper.build import build_paper, publications_fed
from mpcs_bench.report.paper.intended import Intention, read_intention
from mpcs_bench.report.paper.material import held_experiments
from mpcs_bench.report.paper.model import PaperReport, PaperTable
from mpcs_bench.report.paper.opening import opening_verdicts
from mpcs_bench.report.paper.terminal import render_paper_terminal
from mpcs_bench.report.paper.words import paper_verdict_rows
from mpcs_bench.report.paper.write import write_paper

__all__ = [
    "Intention",
    "PaperReport",
    "PaperTable",
    "build_paper",
    "held_experiments",
    "opening_verdicts",
    "paper_verdict_rows",
    "publications_fed",
    "read_intention",
    "render_paper_terminal",
    "write_paper",
]
