"""A check as Markdown, for a job's summary page."""

from __future__ import annotations

from pathlib import Path

from mpcs_bench.check.items import Check
from mpcs_bench.check.words import advice, conditions, headline, telling
from mpcs_bench.report.markdown import markdown_environment, tidied


def append_summary(path: Path, check: Check) -> None:
    """Add the check to a Markdown file: what other steps wrote there stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(render_summary(check))


def render_summary(check: Check) -> str:
    """Return the check as Markdown, everything in it escaped."""
    template = markdown_environment().get_template("check.md.j2")
    return tidied(
        template.render(
            headline=headline(check),
            conditions=[*conditions(check), *advice(check)],
            telling=telling(check),
            passed=[item for item in check.items if item.verdict == "passed"],
        )
    )
