"""What pydantic finds wrong with a document, as sentences that name the place and the cure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mpcs_bench.errors import Location, ProtocolError, did_you_mean
from mpcs_bench.protocol.document import Document
from mpcs_bench.protocol.dotted import suggestion
from mpcs_bench.protocol.settings import MisplacedError

M = TypeVar("M", bound=BaseModel)
Place = list[str | int]

_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "a mapping",
    "model": "a mapping",
    "list": "a list",
    "tuple": "a list",
}


def validate(model: type[M], document: Document) -> M:
    """Validate a document; every problem is reported at once, each with its place.

    Types are those of YAML: "10" in quotes is no number, and `yes` no truth value. Raises
    ProtocolError.
    """
    try:
        return model.model_validate_json(json.dumps(document.values), strict=True)
    except ValidationError as error:
        # Unknown keys first: a misspelt key explains why another is missing.
        items = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
    raise joined([_problem(model, document, item) for item in items])


def joined(
    problems: Sequence[tuple[Location | None, str]], hint: str | None = None
) -> ProtocolError:
    """Return one error for several problems, each with its place."""
    (location, first), *others = dict.fromkeys(problems)
    lines = [f"{place}: {message}" if place else message for place, message in others]
    return ProtocolError("\n".join([first, *lines]), location=location, hint=hint)


def _problem(
    model: type[BaseModel], document: Document, item: ErrorDetails
) -> tuple[Location | None, str]:
    error = item.get("ctx", {}).get("error")
    inner = error.path if isinstance(error, MisplacedError) else ()
    path = _document_path(document.values, (*item["loc"], *inner))
    dotted = ".".join(str(part) for part in path)
    place = document.locate(path)
    if item["type"] == "extra_forbidden":
        return place, f"unknown key '{dotted}'.{suggestion(model, path)}"
    if item["type"] == "missing":
        few = isinstance(item["loc"][-1], int)
        return place, f"'{dotted}' {'has too few values' if few else 'is missing'}"
    message = _sentence(item)
    return place, f"'{dotted}': {message}" if dotted else message


def _sentence(item: ErrorDetails) -> str:
    kind, context, shown = item["type"], item.get("ctx", {}), _shown(item.get("input"))
    sentences: dict[str, Callable[[], str]] = {
        "value_error": lambda: str(context["error"]),
        "literal_error": lambda: _choices(str(context["expected"]), item.get("input")),
        "string_too_short": lambda: "should not be empty",
        "too_short": lambda: "should not be empty",
        "too_long": lambda: (
            f"should have {context['max_length']} values, not {context['actual_length']}"
        ),
        "string_pattern_mismatch": lambda: (
            f"should be made of {_alphabet(context['pattern'])} alone{shown}"
        ),
        "string_type": lambda: (
            f"should be a text{shown}" + (": write it in quotes" if shown else "")
        ),
    }
    if kind in sentences:
        return sentences[kind]()
    wanted = _WANTED.get(kind.removesuffix("_type"))
    if wanted is not None:
        return f"should be {wanted}{shown}"
    return item["msg"].replace("Input should", "should") + shown


def _choices(expected: str, given: Any) -> str:
    names = expected.replace("'", "").replace(" or ", ", ").split(", ")
    near = did_you_mean(str(given), names)
    return f"should be {expected}{_shown(given)}" + (f".{near}" if near else "")


def _alphabet(pattern: str) -> str:
    letters = "letters" if "A-Z" in pattern else "lower-case letters"
    return f"{letters}, digits and {'. _ -' if '._-' in pattern else '_ -'}"


def _shown(given: Any) -> str:
    if given is None or isinstance(given, bool):
        return f", not {json.dumps(given)}"
    return f", not {given!r}" if isinstance(given, str | int | float) else ""


def _document_path(values: Any, loc: Sequence[str | int]) -> Place:
    """Keep the parts of pydantic's location that exist in the document, and the last one."""
    path: Place = []
    current = values
    for index, part in enumerate(loc):
        if part == "[key]":
            continue
        if isinstance(current, dict) and part in current:
            current = current[str(part)]
        elif isinstance(current, list) and isinstance(part, int) and part < len(current):
            current = current[part]
        elif index < len(loc) - 1 or not isinstance(current, dict):
            continue
        path.append(part)
    return path
