"""Renders a publication's tables and figures as Markdown with pipe tables."""

from __future__ import annotations

from mpcs_bench.report.markdown import markdown_environment, tidied
from mpcs_bench.report.paper.layout import stacked
from mpcs_bench.report.paper.page import PaperPage


def render_paper_markdown(page: PaperPage) -> str:
    """Return `page` as Markdown; every string in it is escaped, for Markdown and for HTML."""
    environment = markdown_environment()
    environment.filters["stacked"] = stacked
    return tidied(environment.get_template("paper.md.j2").render(page=page))
