"""YAML 1.2 read into plain values that remember where each of them was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mpcs_bench.errors import Location, ProtocolError

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values and, for each path of keys and indices, where the key and value stand."""

    values: dict[str, Any]
    places: dict[Path_, Location] = field(default_factory=dict)

    def locate(self, path: Sequence[str | int]) -> Location | None:
        """Return the place of `path`, or of the nearest enclosing value that has one."""
        for length in range(len(path), -1, -1):
            place = self.places.get(tuple(path[:length]))
            if place is not None:
                return place
        return None

    def overlaid(self, upper: Document) -> Document:
        """Return this document with `upper` laid over it: mappings merge, all else is replaced.

        A mapping that names another `plugin` or `source` than the one below replaces it whole:
        the parameters of one plugin mean nothing to another.
        """
        places = dict(self.places)
        values = _merge(self.values, upper.values, (), places)
        places.update(upper.places)
        return Document(values, places)


def load_document(path: Path) -> Document:
    """Read one YAML file.

    Raises ProtocolError with file, line and column for unreadable files, YAML errors, duplicate
    keys and a top level that is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProtocolError(
            f"cannot be read: {error}", location=Location(str(path)), hint="Check the path."
        ) from None
    return parse_document(text, str(path))


def parse_document(text: str, file: str) -> Document:
    """Parse YAML `text`; `file` is the name that errors give."""
    yaml = YAML(typ="rt", pure=True)
    try:
        root = yaml.load(text)
    except DuplicateKeyError as error:
        mark = error.problem_mark
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else "?"
        raise ProtocolError(
            f"the key '{key}' stands twice in one mapping",
            location=_at(file, mark),
            hint="Keep one of them.",
        ) from None
    except MarkedYAMLError as error:
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise ProtocolError(
            f"not valid YAML: {problem}", location=_at(file, error.problem_mark)
        ) from None
    except YAMLError as error:
        raise ProtocolError(f"not valid YAML: {error}", location=Location(file)) from None
    if root is None:
        root = CommentedMap()
    if not isinstance(root, CommentedMap):
        raise ProtocolError("a protocol is a mapping of settings", location=Location(file, 1, 1))
    places: dict[Path_, Location] = {(): Location(file, 1, 1)}
    return Document(_plain(root, (), file, places), places)


def _at(file: str, mark: Any) -> Location:
    return Location(file, mark.line + 1, mark.column + 1) if mark is not None else Location(file)


def _plain(node: Any, path: Path_, file: str, places: dict[Path_, Location]) -> Any:
    """Turn ruamel's nodes into plain values, noting where each key and item stands."""
    if isinstance(node, CommentedMap):
        result: dict[str, Any] = {}
        for key, value in node.items():
            where = (*path, str(key))
            mark = node.lc.data.get(key) if node.lc.data else None
            if mark is not None:
                places[where] = Location(file, mark[0] + 1, mark[1] + 1)
            result[str(key)] = _plain(value, where, file, places)
        return result
    if isinstance(node, CommentedSeq):
        items = []
        for index, value in enumerate(node):
            where = (*path, index)
            mark = node.lc.data.get(index) if node.lc.data else None
            if mark is not None:
                places[where] = Location(file, mark[0] + 1, mark[1] + 1)
            items.append(_plain(value, where, file, places))
        return items
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return str(node)  # dates and the like: a protocol knows none


def _merge(
    lower: Mapping[str, Any], upper: Mapping[str, Any], path: Path_, places: dict[Path_, Location]
) -> dict[str, Any]:
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        where = (*path, key)
        if isinstance(below, Mapping) and isinstance(value, Mapping) and _same_kind(below, value):
            merged[key] = _merge(below, value, where, places)
        else:
            for known in [place for place in places if place[: len(where)] == where]:
                del places[known]
            merged[key] = value
    return merged


def _same_kind(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> bool:
    return all(
        key not in upper or key not in lower or upper[key] == lower[key]
        for key in ("plugin", "source")
    )


def assignment(dotted: str, value: Any, origin: str) -> Document:
    """Return the document that sets one dotted path, as an overlay."""
    keys = dotted.split(".")
    values: Any = value
    for key in reversed(keys):
        values = {key: values}
    place = Location(origin)
    places: dict[Path_, Location] = {tuple(keys[:n]): place for n in range(1, len(keys) + 1)}
    return Document(values, places)
