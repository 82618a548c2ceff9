"""Writes a report to a folder, each file whole or not at all."""

from __future__ import annotations

from pathlib import Path

from mpcs_bench.records.atomic_write import atomic_write_text
from mpcs_bench.report.html import render_html
from mpcs_bench.report.markdown import render_markdown
from mpcs_bench.report.model import Report
from mpcs_bench.report.spreadsheet import render_csv


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write report.md, report.html and report.csv to `folder` (made where missing).

    All three are rendered before the first is written. Raises StoreError where the folder cannot
    be written; files of an earlier report are then as they were.
    """
    texts = {
        "report.md": render_markdown(report),
        "report.html": render_html(report),
        "report.csv": render_csv(report),
    }
    paths = []
    for name, text in texts.items():
        path = folder / name
        atomic_write_text(path, text)
        paths.append(path)
    return paths
