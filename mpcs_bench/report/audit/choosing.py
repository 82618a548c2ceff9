"""Which publications a user means: all there are, one by its id, or a folder of the user's own."""

from __future__ import annotations

from pathlib import Path

from mpcs_bench.errors import did_you_mean
from mpcs_bench.report.published import (
    Publication,
    PublishedError,
    published_folders,
    read_published,
)
from mpcs_bench.report.published.read import PAPER


def publications(reference: str | Path | None = None) -> list[Publication]:
    """Return all publications there are; or one by its id; or those of a folder.

    A folder is one publication's or holds several; a file stands for its folder. Raises
    PublishedError where there is no such publication, or one cannot be read.
    """
    if reference is None:
        return [read_published(folder) for folder in published_folders()]
    place = Path(reference)
    if place.is_file():  # one of a publication's own files
        place = place.absolute().parent
    if place.is_dir():
        return [read_published(folder) for folder in _inside(place)]
    known = {folder.name: folder for folder in published_folders()}
    name = str(reference)
    if name not in known:
        raise PublishedError(
            f"There is no publication and no folder '{name}'.{did_you_mean(name, list(known))}",
            hint=f"Publications: {', '.join(known)}. Or name the folder of one "
            "(docs/published.md).",
        )
    return [read_published(known[name])]


def _inside(place: Path) -> list[Path]:
    if (place / PAPER).is_file():
        return [place]
    found = [path.parent for path in sorted(place.glob(f"*/{PAPER}"))]
    if not found:
        raise PublishedError(
            f"{place} holds no publication: neither {PAPER} nor a folder with one.",
            hint="docs/published.md describes the files.",
        )
    return found
