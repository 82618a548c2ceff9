"""YAML 1.2 text read into plain values, with the place of every key and item.

Scalars follow the core schema of YAML 1.2 to the letter: `no`, `off` and dates are texts, `1e-5`
is a number, `0o17` is octal. Merge keys (`<<`) of YAML 1.1 are kept, because files use them.
What a protocol has no use for is an error with a place: tags, two documents, complex keys,
NaN and infinities, a key that stands twice, aliases that unfold without end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)
from ruamel.yaml.reader import ReaderError

from mpcs_bench.errors import Location, ProtocolError, did_you_mean

Place = tuple[str | int, ...]
"""Keys and indices from the top of a document to a value."""

MAX_DEPTH = 60
MAX_VALUES = 100_000
_LONGEST = 400

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_STANDARD = "tag:yaml.org,2002:"
_HINTS = {
    "'\\t'": "YAML indents with spaces, never with tabs.",
    "mapping values are not allowed": "A text with ': ' in it needs quotes.",
}


def parse_yaml(text: str, file: str) -> tuple[Any, dict[Place, Location]]:
    """Return the value of `text` and the place of each key and item in it.

    `file` is the name that errors give. Raises ProtocolError with line and column.
    """
    try:
        return _Reader(text, file).read()
    except MarkedYAMLError as error:
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise ProtocolError(
            f"not valid YAML: {problem}",
            location=_at(file, error.problem_mark or error.context_mark),
            hint=next((hint for sign, hint in _HINTS.items() if sign in problem), None),
        ) from None
    except ReaderError as error:
        raise ProtocolError(
            f"not valid YAML: the character U+{error.character:04X} may not stand in a file",
            location=_place_of(text, error.position, file),
        ) from None
    except YAMLError as error:
        raise ProtocolError(f"not valid YAML: {error}", location=Location(file)) from None


def plain_scalar(text: str) -> Any:
    """Return the value of an unquoted scalar. Raises ValueError for one that is not finite."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST and (_INT.fullmatch(text) or _FLOAT.fullmatch(text)):
        raise ValueError(f"a number of {len(text)} digits is no setting")
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
    elif not _NOT_FINITE.fullmatch(text):
        return text
    raise ValueError(f"{text} is not a finite number, and no setting can be infinite")


@dataclass(slots=True)
class _Node:
    """A value, and the place of everything within it, relative to it."""

    value: Any
    places: dict[Place, Location] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many values this unfolds to."""
        return 1 + len(self.places)

    def put(self, key: str | int, node: _Node, place: Location) -> None:
        """Note `node` as what stands at `key`."""
        self.places[key,] = place
        for inner, where in node.places.items():
            self.places[(key, *inner)] = where


class _Reader:
    """Builds values from the events of a YAML parser, node by node."""

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
        self._anchors: dict[str, _Node | None] = {}
        self._values = 0

    def read(self) -> tuple[Any, dict[Place, Location]]:
        node = _Node(None)
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._error("a file holds one document, and a second begins here", event)
                start = next(self._events)
                node = self._node(start, 0)
        return node.value, node.places

    def _node(self, event: Any, depth: int) -> _Node:
        if depth > MAX_DEPTH:
            raise self._error(f"nested more than {MAX_DEPTH} deep", event)
        if isinstance(event, AliasEvent):
            return self._count(self._aliased(event), event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None  # open: an alias within would have no end
        if isinstance(event, ScalarEvent):
            node = self._count(_Node(self._scalar(event)), event)
        else:
            tag = event.tag
            if tag not in (None, "!", f"{_STANDARD}map", f"{_STANDARD}seq"):
                raise self._unknown_tag(event)
            collection = self._mapping if isinstance(event, MappingStartEvent) else self._sequence
            node = collection(depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _count(self, node: _Node, event: Any) -> _Node:
        self._values += node.size
        if self._values > MAX_VALUES:
            raise self._error(f"the file unfolds to more than {MAX_VALUES:,} values", event)
        return node

    def _aliased(self, event: AliasEvent) -> _Node:
        name = event.anchor
        if name not in self._anchors:
            near = did_you_mean(name, list(self._anchors))
            raise self._error(f"no anchor '&{name}' stands above the alias '*{name}'.{near}", event)
        node = self._anchors[name]
        if node is None:
            raise self._error(f"the alias '*{name}' stands within its own anchor", event)
        return node

    def _scalar(self, event: ScalarEvent) -> Any:
        if event.tag not in (None, "!", f"{_STANDARD}str"):
            raise self._unknown_tag(event)
        plain = event.style is None and event.tag is None and event.implicit[0]
        try:
            event.value.encode()  # "\ud800" in double quotes is half a character
            return plain_scalar(event.value) if plain else event.value
        except UnicodeEncodeError:
            raise self._error("half a character (a lone surrogate) stands here", event) from None
        except ValueError as error:
            raise self._error(str(error), event) from None

    def _sequence(self, depth: int) -> _Node:
        node = _Node([])
        while not isinstance(event := next(self._events), SequenceEndEvent):
            item = self._node(event, depth + 1)
            node.put(len(node.value), item, self._location(event))
            node.value.append(item.value)
        return node

    def _mapping(self, depth: int) -> _Node:
        node = _Node({})
        merged: list[_Node] | None = None
        while not isinstance(event := next(self._events), MappingEndEvent):
            key, merges = self._key(event)
            if key in node.value or (merges and merged is not None):
                raise self._error(
                    f"the key '{key}' stands twice in one mapping", event, "Keep one of them."
                )
            start = next(self._events)
            value = self._node(start, depth + 1)
            if merges:
                merged = self._merged(value, start)
                continue
            node.put(key, value, self._location(event))
            node.value[key] = value.value
        for lower in merged or ():
            _fill(node, lower)
        return node

    def _key(self, event: Any) -> tuple[str, bool]:
        """Return the text of a key, and whether it is a merge key."""
        if isinstance(event, AliasEvent):
            value = self._aliased(event).value
            if isinstance(value, str):
                return value, False
        if not isinstance(event, ScalarEvent):
            raise self._error("a key must be a word or a number", event)
        text = self._scalar(event)
        if text is None:
            raise self._error("a key is missing before the ':'", event)
        plain = event.style is None and event.tag is None
        if event.anchor is not None:
            self._anchors[event.anchor] = _Node(event.value)
        return event.value, plain and event.value == "<<"

    def _merged(self, node: _Node, event: Any) -> list[_Node]:
        """Return the mappings that `<<` brings in, the one that counts most first."""
        items = [_part(node, i) for i in range(len(node.value))] if _is_list(node) else [node]
        if not all(isinstance(item.value, dict) for item in items):
            raise self._error("'<<' takes a mapping, or a list of mappings", event)
        return items

    def _unknown_tag(self, event: Any) -> ProtocolError:
        written = event.tag.replace(_STANDARD, "!!")
        return self._error(f"tags such as '{written}' mean nothing here", event, "Leave it out.")

    def _location(self, event: Any) -> Location:
        return _at(self._file, event.start_mark)

    def _error(self, message: str, event: Any, hint: str | None = None) -> ProtocolError:
        return ProtocolError(message, location=self._location(event), hint=hint)


def _is_list(node: _Node) -> bool:
    return isinstance(node.value, list)


def _part(node: _Node, key: str | int) -> _Node:
    places = {path[1:]: at for path, at in node.places.items() if path[0] == key and path[1:]}
    return _Node(node.value[key], places)


def _fill(node: _Node, lower: _Node) -> None:
    """Give `node` what `lower` has and it has not."""
    for key, value in lower.value.items():
        if key not in node.value:
            node.put(key, _part(lower, key), lower.places[key,])
            node.value[key] = value


def _at(file: str, mark: Any) -> Location:
    return Location(file, mark.line + 1, mark.column + 1) if mark is not None else Location(file)


def _place_of(text: str, position: int, file: str) -> Location:
    before = text[:position]
    return Location(file, before.count("\n") + 1, position - before.rfind("\n"))
