"""Writes a publication's tables and figures to a folder, each file whole or not at all."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from mpcs_bench.records.atomic_write import atomic_write, atomic_write_text
from mpcs_bench.report.paper.html import render_paper_html
from mpcs_bench.report.paper.latex import DOCUMENT, render_latex, render_latex_document
from mpcs_bench.report.paper.markdown import render_paper_markdown
from mpcs_bench.report.paper.model import PaperReport
from mpcs_bench.report.paper.page import paper_page
from mpcs_bench.report.paper.spreadsheet import render_claims_csv, render_paper_csv

KINDS = {"svg": "image/svg+xml", "png": "image/png"}
LIGHT = 600_000
"""Bytes up to which a page holds a figure as SVG; heavier ones as PNG."""

Images = Mapping[str, Mapping[str, bytes]]
"""Id of a drawn figure to its files by kind."""


def write_paper(report: PaperReport, folder: Path) -> list[Path]:
    """Write index.html, paper.md, claims.csv, tables/ (LaTeX, CSV) and figures/ (PNG, SVG).

    `folder` is made where missing. Everything is rendered before the first file is written.
    What an earlier report left in the two folders and this one has not made is removed. Raises
    StoreError where the folder cannot be written.
    """
    images = _images(report)
    embedded = paper_page(report, {name: _embedded(files) for name, files in images.items()})
    linked = paper_page(report, {name: f"figures/{name}.png" for name in images})
    texts = {
        "index.html": render_paper_html(embedded),
        "paper.md": render_paper_markdown(linked),
        "claims.csv": render_claims_csv(report),
        f"tables/{DOCUMENT}.tex": render_latex_document(linked),
    }
    for view, table in zip(linked.tables, report.tables, strict=True):
        texts[f"tables/{view.name}.tex"] = render_latex(view)
        texts[f"tables/{view.name}.csv"] = render_paper_csv(table, report)
    written = []
    for name, text in texts.items():
        atomic_write_text(folder / name, text)
        written.append(folder / name)
    for name, files in images.items():
        for kind, content in files.items():
            path = folder / "figures" / f"{name}.{kind}"
            atomic_write(path, partial(Path.write_bytes, data=content))
            written.append(path)
    _sweep(folder, written)
    return written


def _sweep(folder: Path, written: Sequence[Path]) -> None:
    """Remove tables and figures of an earlier report that this one has not made again."""
    for kind in ("tables/*.tex", "tables/*.csv", "figures/*.png", "figures/*.svg"):
        for path in set(folder.glob(kind)) - set(written):
            path.unlink()


def _images(report: PaperReport) -> Images:
    from mpcs_bench.report.figures import rendered

    return {
        entry.id: {kind: rendered(entry.figure, kind) for kind in KINDS}
        for entry in report.figures
        if entry.figure is not None
    }


def _embedded(files: Mapping[str, bytes]) -> str:
    kind = "svg" if len(files["svg"]) <= LIGHT else "png"
    return f"data:{KINDS[kind]};base64,{base64.b64encode(files[kind]).decode()}"
