"""Writes figures as PNG and SVG: the same figure, the same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mpcs_bench.records.atomic_write import atomic_write
from mpcs_bench.report.figures.entry import FigureEntry
from mpcs_bench.report.figures.style import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 200
_METADATA = {
    # Neither holds a date, nor which version of matplotlib drew it.
    "png": {"Software": "mpcs-bench"},
    "svg": {"Creator": "mpcs-bench", "Date": None},
}


def rendered(figure: Figure, kind: str) -> bytes:
    """Return the file of a figure, `png` (200 dpi) or `svg` (text as text)."""
    stream = io.BytesIO()
    with styled():
        figure.savefig(stream, format=kind, dpi=DPI, metadata=_METADATA[kind])
    return stream.getvalue()


def save_figures(entries: Iterable[FigureEntry], folder: Path) -> list[Path]:
    """Write `<id>.png` and `<id>.svg` of every figure that is drawn; return the paths, in order.

    Raises StoreError where the folder (made where missing) cannot be written.
    """
    written = []
    for entry in entries:
        if entry.figure is None:
            continue
        for kind in _METADATA:
            path = folder / f"{entry.id}.{kind}"
            content = rendered(entry.figure, kind)
            atomic_write(path, partial(Path.write_bytes, data=content))
            written.append(path)
    return written
