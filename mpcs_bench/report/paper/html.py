"""Renders a publication's tables and figures as one self-contained HTML page."""

from __future__ import annotations

from mpcs_bench.report.html import html_environment
from mpcs_bench.report.paper.layout import stacked
from mpcs_bench.report.paper.page import PaperPage


def render_paper_html(page: PaperPage) -> str:
    """Return `page` as HTML: no scripts, nothing fetched, every string in it escaped.

    The sources of its figures are to be data URIs: the page may load no other images.
    """
    environment = html_environment()
    environment.filters["stacked"] = stacked
    return environment.get_template("paper.html.j2").render(page=page)
