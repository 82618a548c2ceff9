"""Settings that belong to some cells only: `per: {encoder: {resnet50: {...}}}`.

They lie where they are written: over what stands plainly below or beside them, and under every
layer above. So a setting that a later layer writes plainly holds for all cells, and what `per` says
of it below is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from mpcs_bench.errors import ProtocolError, did_you_mean
from mpcs_bench.protocol.document import KINDS, Document
from mpcs_bench.protocol.dotted import keys_of, setting_path, step, suggestion, value_at

PER = "per"
ANY = "*"
"""Stands for every value of an axis but none."""

NONE = "none"
VALUES = {
    "adaptation": ("finetune", "linear", "colour-floor"),
    "weights": ("none", "imagenet", "file"),
}
Path = tuple[str, ...]
Canonical = Callable[[str, str], str]
"""Gives for an axis and a value as written the one name of what it means; raises ProtocolError."""


def axis_names(values: Mapping[str, Any]) -> dict[str, str]:
    """Return what a cell with these settings is called on each axis that `per` knows."""
    pretraining, finetuning = values.get("pretraining"), values.get("finetuning")
    pairs = pretraining if isinstance(pretraining, Mapping) else {}
    tuned = finetuning if isinstance(finetuning, Mapping) else {}
    return {
        "dataset": _name(tuned.get("dataset"), ""),
        "encoder": _name(values.get("encoder"), "plugin"),
        "weights": _name(values.get("weights"), "source"),
        "strategy": _name(pairs.get("strategy"), "plugin"),
        "loss": _name(pairs.get("loss"), "plugin"),
        "adaptation": _name(values.get("adaptation", "finetune"), ""),
    }


def fragments(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield axis, value and settings of everything under `per`: axes as written, `*` first."""
    for axis, by_value in _mapping(document.values.get(PER)).items():
        found = _mapping(by_value)
        for value in sorted(found, key=lambda name: name != ANY):
            settings = found[value]
            if isinstance(settings, Mapping):
                place = document.places_within((PER, axis, value))
                yield axis, value, Document(dict(settings), place)


def matching(
    document: Document, names: Mapping[str, str], canonical: Canonical
) -> Iterator[Document]:
    """Yield the settings under `per` that belong to a cell with these names.

    `resnet50` and `package/resnet50` are one encoder. Raises ProtocolError, at its place, for a
    plugin that there is not.
    """
    for axis, value, settings in fragments(document):
        name = names.get(axis, NONE)
        if value == ANY:
            matches = name != NONE
        else:
            try:
                matches = name == value or canonical(axis, value) == canonical(axis, name)
            except ProtocolError as error:
                place = document.locate((PER, axis, value)) or error.location
                raise ProtocolError(error.message, location=place, hint=error.hint) from None
        if matches:
            yield settings


def without_per(document: Document) -> Document:
    """Return the document without its `per`."""
    if PER not in document.values:
        return document
    return Document(
        {key: value for key, value in document.values.items() if key != PER},
        {path: place for path, place in document.places.items() if path[:1] != (PER,)},
    )


def outdated(lower: Document, upper: Document) -> Document:
    """Return `lower` without what its `per` says of settings that `upper` writes for more cells.

    Plainly is for all cells, `*` for all that have the axis at all.
    """
    if not lower.values.get(PER):
        return lower
    written = [path for path, _ in leaves(without_per(upper).values)]
    # Another plugin, or source of weights, undoes all that stands beside it.
    written = [
        path[:-1] if _replaces(lower.values, path, upper.values) else path for path in written
    ]

    def kept(value: Any, path: Path, against: list[Path]) -> Any:
        if isinstance(value, Mapping) and value:
            inner = {key: kept(item, (*path, key), against) for key, item in value.items()}
            return {key: item for key, item in inner.items() if item is not _GONE} or _GONE
        return _GONE if any(_overlap(path, other) for other in against) else value

    per: dict[str, dict[str, Any]] = {}
    for axis, by_value in _mapping(lower.values[PER]).items():
        # Which encoder it is may be said above; what is said of that encoder stays.
        own = setting_path(axis)
        against = [path for path in written if path != own]
        every = _mapping(_mapping(_mapping(upper.values.get(PER)).get(axis)).get(ANY))
        wider = [path for path, _ in leaves(every)]
        per[axis] = {
            value: settings
            for value, old in _mapping(by_value).items()
            if (settings := kept(old, (), against if value == ANY else [*against, *wider]))
            is not _GONE
        }
    return Document({**lower.values, PER: per}, lower.places)


def check_per(document: Document, model: type[BaseModel]) -> None:
    """Raise ProtocolError, with its place, for what `per` names and there is not.

    That is a key that is no setting of `model`, or a value that an axis of few values cannot have.
    Names of plugins are looked at when cells are made; those of data sets may be of another
    protocol.
    """
    for axis, value, settings in fragments(document):
        if value != ANY and value not in VALUES.get(axis, (value,)):
            raise ProtocolError(
                f"there is no {axis} '{value}'.{did_you_mean(value, list(VALUES[axis]))}",
                location=document.locate((PER, axis, value)),
                hint=f"It is one of {', '.join(VALUES[axis])}.",
            )
        for path, _ in leaves(settings.values):
            annotation: Any = model
            for index, part in enumerate(path):
                known = keys_of(annotation)
                if known is not None and part not in known:
                    raise ProtocolError(
                        f"unknown key '{'.'.join(path[: index + 1])}'."
                        + suggestion(model, path[: index + 1]),
                        location=document.locate((PER, axis, value, *path[: index + 1])),
                    )
                annotation = step(annotation, part)
                if annotation is None:
                    break


def leaves(values: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of everything that is no mapping, or an empty one."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _replaces(lower: Mapping[str, Any], path: Path, upper: Mapping[str, Any]) -> bool:
    """Say whether `upper` makes of what stands at `path` in `lower` another kind of thing."""
    if path[-1] not in KINDS or len(path) < 2:
        return False
    below = value_at(lower, path[:-1])
    has = below.get(path[-1]) if isinstance(below, Mapping) else below
    return has is not None and has != value_at(upper, path)


class _Gone:
    """Marks a setting that is taken out, where None is a value."""


_GONE = _Gone()


def _overlap(one: Path, other: Path) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _name(value: Any, key: str) -> str:
    if isinstance(value, Mapping):
        value = value.get(key)
    return value if isinstance(value, str) else NONE


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
