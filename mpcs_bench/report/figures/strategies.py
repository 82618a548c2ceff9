"""What the registered pair strategies declare of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpcs_bench.registry.discovery import Entry
from mpcs_bench.registry.registry import Registry
from mpcs_bench.registry.strategy import PairStrategy


@dataclass(frozen=True, slots=True)
class DeclaredStrategy:
    """How many of a pair's magnifications a human fixes, and how many are left to chance.

    `name` and `full_name` are what a protocol may call it; `package` is where it comes from.
    """

    name: str
    full_name: str
    package: str
    human_prior: int
    degrees_of_freedom: int
    views: int = 2


def declared_strategies(registry: Registry) -> tuple[DeclaredStrategy, ...]:
    """Return the strategies that can be used, strongest human prior first; no broken ones."""
    found = [
        _declared(entry, cls)
        for entry in registry.entries("strategy")
        if entry.reason is None and issubclass(cls := entry.cls, PairStrategy)
    ]
    return tuple(sorted(found, key=lambda one: (-one.human_prior, one.full_name)))


def by_name(strategies: Sequence[DeclaredStrategy], name: str) -> DeclaredStrategy | None:
    """Return the strategy that a cell calls `name`, in full or short; None where none is."""
    return next((one for one in strategies if name in (one.full_name, one.name)), None)


def _declared(entry: Entry, cls: type[PairStrategy]) -> DeclaredStrategy:
    return DeclaredStrategy(
        name=entry.name,
        full_name=entry.full_name,
        package=entry.package,
        human_prior=cls.human_prior,
        degrees_of_freedom=cls.degrees_of_freedom,
        views=cls.views,
    )
