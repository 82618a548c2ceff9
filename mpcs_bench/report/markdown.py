"""Renders a report as Markdown with pipe tables."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mpcs_bench.report.definitions import templates_folder
from mpcs_bench.report.model import Report
from mpcs_bench.report.present import present

_SPECIAL = re.compile(r"([\\`*_\[\]|~#$])")
_BLANKS = re.compile(r"\n{3,}")


def render_markdown(report: Report) -> str:
    """Return `report` as Markdown; every string in it is escaped, for Markdown and for HTML."""
    text = markdown_environment().get_template("report.md.j2").render(page=present(report))
    return tidied(text)


def markdown_environment() -> Environment:
    """Return the environment of Markdown templates: what they print is escaped."""
    environment = Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=True,
        finalize=_escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    return environment


def tidied(text: str) -> str:
    """Return what a template made, with one empty line where it left several."""
    return _BLANKS.sub("\n\n", text).strip() + "\n"


def _escaped(value: Any) -> Any:
    """Escape whatever a template prints, but for what is marked as escaped already."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    # Entities after backslashes: "&lt;" holds nothing that Markdown gives a meaning.
    line = _SPECIAL.sub(r"\\\1", " ".join(value.split()))
    return Markup(line.replace("&", "&amp;").replace("<", "&lt;"))  # noqa: S704 (escaped here)


def _code(value: str) -> Markup:
    """Return `value` as a code span, in which nothing needs escaping but the fence itself."""
    line = " ".join(value.split()).replace("`", "'").replace("|", "¦")
    return Markup(f"`{line}`")  # noqa: S704 (a code span is literal)
