"""Plain values that remember where each of them was written, and how one lies over another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpcs_bench.errors import Location, ProtocolError
from mpcs_bench.protocol.yaml_reader import Place, parse_yaml

KINDS = ("plugin", "source")
"""Keys that say what a mapping is: under another value the keys beside it mean something else."""


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values and, for each path of keys and indices, where its key or item stands."""

    values: dict[str, Any]
    places: dict[Place, Location] = field(default_factory=dict)

    def locate(self, path: Sequence[str | int]) -> Location | None:
        """Return the place of `path`, or of the nearest enclosing value that has one."""
        for length in range(len(path), -1, -1):
            place = self.places.get(tuple(path[:length]))
            if place is not None:
                return place
        return None

    def places_within(self, path: Sequence[str | int]) -> dict[Place, Location]:
        """Return the places at and below `path`, relative to it."""
        above, length = tuple(path), len(path)
        return {p[length:]: place for p, place in self.places.items() if p[:length] == above}

    def overlaid(self, upper: Document) -> Document:
        """Return this document with `upper` laid over it: mappings merge, all else is replaced.

        A mapping that names another `plugin` or `source` than the one below replaces it whole:
        the parameters of one plugin mean nothing to another. A mapping that merges keeps the
        place it had; what is replaced takes the place of what replaces it.
        """
        replaced: set[Place] = set()
        values = _merge(self.values, upper.values, (), replaced)
        places = {
            path: place
            for path, place in self.places.items()
            if not any(path[:length] in replaced for length in range(1, len(path) + 1))
        }
        for path, place in upper.places.items():
            places.setdefault(path, place)
        return Document(values, places)


def load_document(path: Path) -> Document:
    """Read one YAML file.

    Raises ProtocolError with file, line and column for unreadable files, YAML errors, duplicate
    keys and a top level that is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProtocolError(
            f"is not UTF-8 text: byte {error.start + 1} is {error.object[error.start]:#04x}",
            location=Location(str(path)),
            hint="Save it as UTF-8.",
        ) from None
    except OSError as error:
        raise ProtocolError(
            f"cannot be read: {error.strerror or error}",
            location=Location(str(path)),
            hint="Check the path.",
        ) from None
    return parse_document(text, str(path))


def parse_document(text: str, file: str) -> Document:
    """Parse YAML `text`; `file` is the name that errors give."""
    values, places = parse_yaml(text, file)
    top = Location(file, 1, 1)
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ProtocolError(
            "a protocol is a mapping of settings, such as `name: exp-01`", location=top
        )
    return Document(values, {(): top, **places})


def assignment(
    path: Sequence[str],
    value: Any,
    place: Location | None,
    within: Mapping[Place, Location] | None = None,
) -> Document:
    """Return the document that sets what stands at `path`, as an overlay.

    `place` is where it was said; `within` gives places inside `value`, relative to it.
    """
    values: Any = value
    for key in reversed(path):
        values = {key: values}
    places: dict[Place, Location] = {}
    if place is not None:
        places = {tuple(path[:length]): place for length in range(1, len(path) + 1)}
    for inner, where in (within or {}).items():
        places[(*path, *inner)] = where
    return Document(values, places)


def _merge(
    lower: Mapping[str, Any], upper: Mapping[str, Any], path: Place, replaced: set[Place]
) -> dict[str, Any]:
    merged = dict(lower)
    for key, value in upper.items():
        below = lower.get(key)
        where = (*path, key)
        if isinstance(below, Mapping) and isinstance(value, Mapping) and _same_kind(below, value):
            merged[key] = _merge(below, value, where, replaced)
        else:
            replaced.add(where)
            merged[key] = value
    return merged


def _same_kind(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> bool:
    return all(key not in upper or key not in lower or upper[key] == lower[key] for key in KINDS)
