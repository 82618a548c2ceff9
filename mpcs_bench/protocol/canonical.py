"""Canonical JSON and digests: the same value always gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any


def canonical_json(value: Any) -> str:
    """Return `value` as JSON with sorted keys, no spaces and shortest round-trip floats.

    Integral floats are written as integers (1.0 and 1 in a protocol mean the same), tuples as
    arrays, keys as texts. Raises ValueError for NaN and infinities and for two keys of one text,
    TypeError for anything that is not JSON.
    """
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, as 64 hex digits."""
    return _sha256(canonical_json(value))


@dataclass(frozen=True, slots=True)
class Written:
    """A value as JSON reads it back (lists for tuples, 1 for 1.0), and its canonical JSON."""

    value: Any
    text: str

    @property
    def digest(self) -> str:
        """What `digest` says of the value."""
        return _sha256(self.text)


class SharedParts:
    """Writes many mappings that have parts in common: each part is written once.

    A part is a list or mapping that several of them hold. It is known by being the same object,
    is kept as long as this object is, and must not change. `whole` writes what `canonical_json`
    would write, in a fifth of the time where parts are known.
    """

    def __init__(self) -> None:
        self._parts: dict[int, tuple[object, Written]] = {}
        self._numbers: dict[float, Written] = {}
        self._names: dict[str, str] = {}

    def part(self, value: Any) -> Written:
        """Return one part written; raises as `canonical_json`."""
        write = _SCALARS.get(type(value))
        if write is not None:
            return Written(value, write(value))
        if isinstance(value, float):
            return self._number(value)
        if not isinstance(value, dict | list | tuple):
            return written(value)
        known = self._parts.get(id(value))
        if known is None:
            known = self._parts[id(value)] = value, written(value)
        return known[1]

    def whole(self, parts: Mapping[str, Any]) -> Written:
        """Return a mapping written; what is `Written` in it already is taken as it is."""
        values, texts, names = {}, [], self._names
        for name in sorted(parts):
            value = parts[name]
            write = _SCALARS.get(type(value))
            if write is not None:
                text = write(value)
            else:
                part = value if isinstance(value, Written) else self.part(value)
                value, text = part.value, part.text
            values[name] = value
            start = names.get(name)
            if start is None:
                start = names[name] = f"{encode_basestring(name)}:"
            texts.append(start + text)
        return Written(values, f"{{{','.join(texts)}}}")

    def _number(self, value: float) -> Written:
        known = self._numbers.get(value)
        if known is None:
            known = self._numbers[value] = written(value)
        return known


_SCALARS: Mapping[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: int.__repr__,
    bool: ("false", "true").__getitem__,
    type(None): lambda _: "null",
}
"""How the commonest values are written; all others as `canonical_json` does."""


def written(value: Any) -> Written:
    """Return `value` written; raises as `canonical_json`."""
    text = canonical_json(value)
    return Written(json.loads(text), text)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {str(key): _plain(item) for key, item in value.items()}
        if len(plain) < len(value):
            raise ValueError(f"two keys of {value!r} are one text")
        return plain
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    return value
