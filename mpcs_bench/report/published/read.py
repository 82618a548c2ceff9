"""Read publications from their folders: the shipped ones, and those of installed packages."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from mpcs_bench.errors import Location
from mpcs_bench.report.published.claims import CLAIMS, read_claims
from mpcs_bench.report.published.files import PaperFile
from mpcs_bench.report.published.problems import HINT, Problems, read_yaml
from mpcs_bench.report.published.records import (
    Publication,
    PublishedError,
    Reference,
    TestItems,
)
from mpcs_bench.report.published.tables import TABLES, read_tables, table_files
from mpcs_bench.shipped import folder as shipped_folder

PAPER = "paper.yaml"
GROUP = "mpcs_bench.published"


def read_published(folder: Path) -> Publication:
    """Read one publication from its folder (docs/published.md).

    Raises PublishedError with file and line of everything that is wrong in the first file that
    has anything wrong.
    """
    if not folder.is_dir():
        raise PublishedError(f"There is no folder {folder}.", hint=HINT)
    paper, document = read_yaml(folder / PAPER, PaperFile)
    problems = Problems()
    if paper.id != folder.resolve().name:
        problems.add(document.locate(["id"]), f"'{paper.id}' stands in the folder '{folder.name}'")
    problems.raise_any()
    tables = read_tables(folder, paper.references)
    return Publication(
        id=paper.id,
        title=paper.title,
        authors=paper.authors,
        venue=paper.venue,
        year=paper.year,
        note=paper.note,
        folds=paper.folds,
        folder=folder,
        digest=published_digest(folder),
        test_items=tuple(TestItems(**entry.model_dump()) for entry in paper.test_items),
        references={key: Reference(key, text) for key, text in paper.references.items()},
        tables=tables,
        claims=read_claims(folder, tables),
    )


def published_folders() -> list[Path]:
    """Return the folders of all publications there are, the shipped ones first, by id.

    A package names a folder of publications, or of one, by an entry point of the group
    `mpcs_bench.published`: `"package:folder"`. One that cannot be imported is passed over.
    Raises PublishedError where two folders have the same name.
    """
    above = [shipped_folder("reports") / "published"]
    for entry in entry_points(group=GROUP):
        package, _, inner = entry.value.partition(":")
        with suppress(Exception):
            above.append(Path(str(files(package))) / inner)
    found: dict[str, Path] = {}
    for place in above:
        inside = [place] if (place / PAPER).is_file() else sorted(place.glob(f"*/{PAPER}"))
        for path in inside:
            folder = path if path.is_dir() else path.parent
            first = found.setdefault(folder.name, folder)
            if first.resolve() != folder.resolve():
                raise PublishedError(
                    f"Two publications are called '{folder.name}': {first} and {folder}.",
                    location=Location(str(folder / PAPER)),
                    hint="Rename one, or uninstall one of the packages.",
                )
    return list(found.values())


def published_papers() -> list[Publication]:
    """Read all publications there are; raises PublishedError for one that cannot be read."""
    return [read_published(folder) for folder in published_folders()]


def published_digest(folder: Path) -> str:
    """Return the SHA-256 over the files of a publication, names and contents."""
    digest = hashlib.sha256()
    paths = [folder / PAPER, folder / TABLES, folder / CLAIMS, *table_files(folder)]
    for path in paths:
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.name} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()
