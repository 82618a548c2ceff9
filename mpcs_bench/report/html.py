"""Renders a report as one self-contained HTML page: no scripts, nothing fetched."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mpcs_bench.report.definitions import templates_folder
from mpcs_bench.report.model import Report
from mpcs_bench.report.present import present


def render_html(report: Report) -> str:
    """Return `report` as an HTML page; every string in it is escaped."""
    return html_environment().get_template("report.html.j2").render(page=present(report))


def html_environment() -> Environment:
    """Return the environment of HTML templates: what they print is escaped."""
    return Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
