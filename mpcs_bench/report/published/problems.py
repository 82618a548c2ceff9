"""Everything that is wrong with a publication's files, told at once, each with its place."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from mpcs_bench.errors import Location, ProtocolError
from mpcs_bench.protocol.document import Document
from mpcs_bench.protocol.problems import joined, validate
from mpcs_bench.protocol.yaml_reader import parse_yaml
from mpcs_bench.report.published.records import PublishedError

M = TypeVar("M", bound=BaseModel)

HINT = "docs/published.md describes these files."
_SHOWN = 20


class Problems:
    """Collects what is wrong; `raise_any` raises it as one error."""

    def __init__(self) -> None:
        self._found: list[tuple[Location | None, str]] = []

    def add(self, location: Location | None, message: str) -> None:
        """Note one problem."""
        self._found.append((location, message))

    def raise_any(self) -> None:
        """Raise PublishedError where anything was noted."""
        if not self._found:
            return
        shown = self._found[:_SHOWN]
        if len(self._found) > _SHOWN:
            shown.append((None, f"... and {len(self._found) - _SHOWN} more"))
        error = joined(shown)
        raise PublishedError(error.message, location=error.location, hint=HINT)


def read_text(path: Path) -> str:
    """Return the text of a file; raises PublishedError where it cannot be read."""
    where = Location(str(path))
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PublishedError(
            f"is not UTF-8 text: byte {error.start + 1}", location=where, hint="Save it as UTF-8."
        ) from None
    except OSError as error:
        raise PublishedError(
            f"cannot be read: {error.strerror or error}", location=where, hint=HINT
        ) from None


def read_yaml(path: Path, model: type[M]) -> tuple[M, Document]:
    """Read and validate one YAML file; raises PublishedError with line and column."""
    text = read_text(path)
    top = Location(str(path), 1, 1)
    try:
        values, places = parse_yaml(text, str(path))
        if not isinstance(values, dict):
            raise PublishedError("should be a mapping", location=top, hint=HINT)
        document = Document(values, {(): top, **places})
        return validate(model, document), document
    except ProtocolError as error:
        raise PublishedError(
            error.message, location=error.location, hint=error.hint or HINT
        ) from None
