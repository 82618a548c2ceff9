"""Tables of a run: built from the store's views, shown in a terminal, Markdown, HTML and CSV."""

from mpcs_bench.report.build import build_report
from mpcs_bench.report.definitions import ReportError
from mpcs_bench.report.html import render_html
from mpcs_bench.report.markdown import render_markdown
from mpcs_bench.report.model import Report
from mpcs_bench.report.outcomes import comparison_rows
from mpcs_bench.report.spreadsheet import render_csv
from mpcs_bench.report.terminal import render_terminal
from mpcs_bench.report.write import write_report

__all__ = [
    "Report",
    "ReportError",
    "build_report",
    "comparison_rows",
    "render_csv",
    "render_html",
    "render_markdown",
    "render_terminal",
    "write_report",
]
