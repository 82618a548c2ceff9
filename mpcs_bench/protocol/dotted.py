"""Dotted names of settings, as `--set`, an experiment's `set` and the axes of a matrix use them."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from mpcs_bench.errors import did_you_mean
from mpcs_bench.protocol.document import KINDS
from mpcs_bench.protocol.settings import ANY_NAME, walk

ALIASES = {
    "dataset": "finetuning.dataset",
    "encoder": "encoder",
    "weights": "weights",
    "strategy": "pretraining.strategy",
    "loss": "pretraining.loss",
    "adaptation": "adaptation",
}
"""Axes that are settings under a shorter name."""


def setting_path(name: str) -> tuple[str, ...]:
    """Return the path of a dotted name; its first word may be one of `ALIASES`.

    What stands below `matrix`, or what an experiment sets, is one key: it may be a dotted name
    itself. The id of an experiment may have dots too: it ends before `label` or `set`.
    """
    first, *rest = (part.strip() for part in name.split("."))
    path = (*ALIASES.get(first, first).split("."), *rest)
    if path[0] == "matrix" and len(path) > 1:
        return ("matrix", ".".join(path[1:]))
    if path[0] == "experiments":
        end = next((i for i, part in enumerate(path) if i > 1 and part in ("label", "set")), None)
        if end is not None:
            below = (".".join(path[end + 1 :]),) if path[end + 1 :] else ()
            return ("experiments", ".".join(path[1:end]), path[end], *below)
    return path


def unknown_setting(
    model: type[BaseModel], path: Sequence[str], values: Mapping[str, Any]
) -> str | None:
    """Return what is wrong with `path` as the place of a setting of `model`, or None.

    `values` says which data sets there are; an experiment may be a new one. Below the parameters
    of a plugin every path is possible; the plugin looks at them.
    """
    annotation: Any = model
    new = len(path) > 1 and path[0] == "experiments" and value_at(values, path[:2]) is None
    for index, part in enumerate(path):
        known, shown = keys_of(annotation), ".".join(path[:index])
        if known is not None:
            if part not in known:
                return f"unknown setting '{'.'.join(path)}'.{suggestion(model, path[: index + 1])}"
        elif _is_mapping(annotation):
            here = value_at(values, path[:index])
            below = _of_mapping(annotation)
            if keys_of(below) is None:
                return None  # parameters, or an axis
            names = list(here) if isinstance(here, Mapping) else []
            if part not in names and not new:
                there = f"(there: {', '.join(names) or 'none'})"
                return f"'{shown}' has no '{part}' {there}.{did_you_mean(part, names)}"
        else:
            kind = "a list" if typing.get_origin(annotation) in (list, tuple) else "a single value"
            return f"'{shown}' is {kind}: it is set as a whole, and '{part}' is no part of it"
        annotation = step(annotation, part)
        inside = index < len(path) - 1 and value_at(values, path[: index + 1]) is None
        if inside and not new and _must_be_whole(annotation):
            shown = ".".join(path[: index + 1])
            return f"'{shown}' is null here, and '{'.'.join(path)}' alone does not make one"
    return None


def undone(paths: Sequence[tuple[str, ...]], later: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the first of `paths` that setting `later` after it would undo, or None.

    Another plugin, or another source of weights, undoes all that stands beside it.
    """
    whole = later[:-1] if later[-1] in KINDS else later
    return next((path for path in paths if path[: len(whole)] == whole), None)


def step(annotation: Any, part: str | int) -> Any:
    """Return the type of what stands at `part` of a value of type `annotation`; None: unknown."""
    fields = keys_of(annotation)
    if fields is not None:
        info = annotation.model_fields.get(str(part))
        return None if info is None else _unwrapped(info.annotation)
    arguments = typing.get_args(annotation)
    if _is_mapping(annotation):
        return _of_mapping(annotation)
    return _unwrapped(arguments[0]) if arguments else None


def keys_of(annotation: Any) -> list[str] | None:
    """Return the field names where `annotation` is a model, else None."""
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return list(annotation.model_fields) if is_model else None


def known_keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the keys that may stand in the mapping at `path`; empty where any may."""
    annotation: Any = model
    for part in path:
        annotation = step(annotation, part)
    return keys_of(annotation) or []


def suggestion(model: type[BaseModel], path: Sequence[str | int]) -> str:
    """Return what the unknown key at the end of `path` may have meant, as a sentence, or ''.

    The same name elsewhere is likelier than a similar one here.
    """
    name, known = str(path[-1]), known_keys(model, path[:-1])
    elsewhere = [
        ".".join("NAME" if part == ANY_NAME else part for part in other)
        for other, _, _ in walk(model)
        if other[-1] == name
    ]
    if elsewhere:
        return f" Did you mean {' or '.join(repr(other) for other in elsewhere[:3])}?"
    return did_you_mean(name, known) or (f" Known here: {', '.join(known)}." if known else "")


def value_at(values: Any, path: Sequence[str | int]) -> Any:
    """Return what stands at `path` in nested mappings and lists, or None."""
    for part in path:
        if isinstance(values, Mapping):
            values = values.get(str(part))
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
        else:
            return None
    return values


def _must_be_whole(annotation: Any) -> bool:
    return keys_of(annotation) is not None and any(
        info.is_required() for info in annotation.model_fields.values()
    )


def _unwrapped(annotation: Any) -> Any:
    """Return the type without Annotated and without None."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _unwrapped(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        members = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return _unwrapped(members[0])
    return annotation


def _is_mapping(annotation: Any) -> bool:
    return typing.get_origin(annotation) is dict


def _of_mapping(annotation: Any) -> Any:
    return _unwrapped(typing.get_args(annotation)[1])
