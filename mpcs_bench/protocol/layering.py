"""How documents and single settings are laid over a protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from mpcs_bench.errors import Location, ProtocolError
from mpcs_bench.protocol.document import Document, assignment
from mpcs_bench.protocol.dotted import setting_path, unknown_setting, value_at
from mpcs_bench.protocol.ledger import Ledger
from mpcs_bench.protocol.per import Canonical, axis_names, matching, outdated, without_per
from mpcs_bench.protocol.schema import Protocol
from mpcs_bench.protocol.settings import ShortForm, nested_model, walk
from mpcs_bench.protocol.yaml_reader import Place


def _short_forms() -> dict[tuple[str, ...], str]:
    found = {}
    for path, _, info in walk(Protocol):
        steps, nested = nested_model(info.annotation)
        if not steps and nested is not None and issubclass(nested, ShortForm):
            found[path] = str(nested.short_form)
    return found


SHORT_FORMS = _short_forms()
"""Settings that a bare text may stand for, and the key that it is the value of."""


def layered(lower: Document, upper: Document) -> Document:
    """Return `upper` laid over `lower`, where `strategy: ordered` is a mapping in short.

    A mapping over a bare text adds to what the text stands for; a bare text replaces a mapping
    whole: it means that plugin with its defaults. What `upper` writes plainly holds for all cells:
    `per` of `lower` has no more say in it. An experiment that `upper` sets to null is taken out;
    null for one that `lower` lacks stays, for validation to refuse.
    """
    lower = outdated(lower, upper)
    values: dict[str, Any] = lower.values
    for path, key in _bare_texts(lower.values):
        below = value_at(values, path)
        if isinstance(below, str) and isinstance(value_at(upper.values, path), Mapping):
            values = _replaced(values, path, {key: below})
    result = Document(values, lower.places).overlaid(upper)
    below, above = _experiments(lower.values), _experiments(upper.values)
    gone = {name for name in below if name in above and above[name] is None}
    if not gone:
        return result
    kept = {name: it for name, it in result.values["experiments"].items() if name not in gone}
    return Document(
        {**result.values, "experiments": kept},
        {
            path: place
            for path, place in result.places.items()
            if path[:1] != ("experiments",) or path[1:2] == () or path[1] not in gone
        },
    )


def laid(lower: Document, upper: Document, ledger: Ledger) -> Document:
    """Return `upper` over `lower`, the decisions it names bringing their settings along.

    These lie over what the same file says otherwise, as `per` does. Raises ProtocolError for a
    decision or an option that the ledger does not have, or that cannot be run.
    """
    result = layered(lower, upper)
    for settings in ledger.chosen(upper):
        result = layered(result, settings)
    return result


def settled(document: Document, canonical: Canonical) -> Document:
    """Return the settings of one cell: `per` laid over what it is for, and gone."""
    result = without_per(document)
    for settings in matching(document, axis_names(document.values), canonical):
        result = layered(result, settings)
    return result


def with_setting(
    lower: Document,
    name: str,
    value: Any,
    *,
    model: type[BaseModel],
    place: Location | None,
    within: Mapping[Place, Location] | None = None,
    ledger: Ledger,
) -> Document:
    """Return `lower` with the setting of `model` that the dotted `name` means.

    `place` is where it was said, `within` gives places inside `value`. Raises ProtocolError, with
    the nearest name, for a setting that there is not.
    """
    path = setting_path(name)
    problem = unknown_setting(model, path, lower.values)
    if problem is not None:
        raise ProtocolError(problem, location=place)
    return laid(lower, assignment(path, value, place, within), ledger)


def _experiments(values: Mapping[str, Any]) -> Mapping[str, Any]:
    found = values.get("experiments")
    return found if isinstance(found, Mapping) else {}


def _bare_texts(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield where a bare text may stand for a mapping, in what experiments set too."""
    yield from SHORT_FORMS.items()
    for name, experiment in _experiments(values).items():
        settings = value_at(experiment, ("set",))
        for dotted in settings if isinstance(settings, Mapping) else ():
            start = setting_path(dotted)
            for path, key in SHORT_FORMS.items():
                if path[: len(start)] == start:
                    yield ("experiments", name, "set", dotted, *path[len(start) :]), key


def _replaced(values: Mapping[str, Any], path: tuple[str, ...], new: Any) -> dict[str, Any]:
    first, *rest = path
    return {**values, first: _replaced(values[first], tuple(rest), new) if rest else new}
