"""When two cells may stand side by side: equal in everything that is not being compared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

ABSENT = "(not set)"

_FACTORS = re.compile(
    r"(encoder|pretraining\.strategy|pretraining\.loss)\.params\b|weights\.digest$"
)
"""What belongs to a factor: rows that differ in it are told apart, and may be compared."""

_AXES = re.compile(
    r"(fold|seed|split_seed|replicate|train_magnification|split_hash)$|.*\bsplit\.seed$"
)
"""Conditions that differ between the folds, seeds and magnifications of one row by design."""


class Difference(NamedTuple):
    """A condition that is not the same on both sides, with what each side has."""

    name: str
    left: Any
    right: Any

    def __str__(self) -> str:
        return f"{self.name}: {_shown(self.left)} against {_shown(self.right)}"


def flatten(conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested conditions as dotted name to value; lists and empty mappings are values."""
    return dict(_walk(conditions, ""))


def _walk(conditions: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in conditions.items():
        if isinstance(value, Mapping) and value:
            yield from _walk(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def row_conditions(conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conditions that all cells of one table row share: all but the axes."""
    return {name: value for name, value in conditions.items() if not _AXES.match(name)}


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return the conditions in which two cells differ, by name.

    Pre-training is a factor as a whole: where one side has none, its settings are not conditions;
    where both have some, they must be equal.
    """
    names = sorted(name for name in {*left, *right} if not _FACTORS.match(name))
    if not (_pretrained(left) and _pretrained(right)):
        names = [name for name in names if not _of_pretraining(name)]
    pairs = (Difference(n, left.get(n, ABSENT), right.get(n, ABSENT)) for n in names)
    return tuple(pair for pair in pairs if pair.left != pair.right)


def refusal(found: tuple[Difference, ...], candidate: str, baseline: str) -> str:
    """Say which conditions keep two rows from being compared; the first three by name."""
    named = "; ".join(str(difference) for difference in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return f"conditions differ between {candidate} and {baseline}: {named}{more}"


def _pretrained(conditions: Mapping[str, Any]) -> bool:
    return any(_of_pretraining(name) and value is not None for name, value in conditions.items())


def _of_pretraining(name: str) -> bool:
    return name == "pretraining" or name.startswith("pretraining.")


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
