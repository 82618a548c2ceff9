"""What a plugin's class must declare before anything is made of it: names, versions, constants."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from mpcs_bench.errors import PluginError
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.registry.encoder import Encoder
from mpcs_bench.registry.loss import Loss
from mpcs_bench.registry.plugin import Kind, Plugin, PluginParams
from mpcs_bench.registry.strategy import PairStrategy

BASES: dict[Kind, type[Plugin]] = {
    "dataset": Dataset,
    "strategy": PairStrategy,
    "encoder": Encoder,
    "loss": Loss,
}
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


def check_class(cls: Any, kind: Kind) -> type[Plugin]:
    """Return `cls` where it keeps what its kind declares of a class.

    Raises PluginError naming the class and the attribute that is missing or wrong.
    """
    base = BASES[kind]
    if not (inspect.isclass(cls) and issubclass(cls, base)):
        raise PluginError(
            f"{cls!r} is not a {kind}.",
            hint=f"Subclass mpcs_bench.registry.{base.__name__}.",
        )
    if problems := _problems(cls, kind):
        raise PluginError(
            f"The {kind} class {cls.__module__}.{cls.__qualname__} {' and '.join(problems)}.",
            hint="docs/plugins.md lists what a class declares.",
        )
    return cls


def _problems(cls: type[Any], kind: Kind) -> list[str]:
    found = []
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        found.append(f"does not define {', '.join(missing)}")
    name = getattr(cls, "name", None)
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        found.append(f"has the name {name!r}, not lower-case letters, digits and . _ -")
    if not (isinstance(cls.version, str) and cls.version.strip()):
        found.append(f"has the version {cls.version!r}, not a text such as '1'")
    if not (inspect.isclass(cls.Params) and issubclass(cls.Params, PluginParams)):
        found.append("has `Params` that are no subclass of PluginParams")
    return found + _KIND_PROBLEMS[kind](cls)


def _dataset_problems(cls: type[Any]) -> list[str]:
    found = [
        f"does not declare `{attribute}` as a tuple of distinct names"
        for attribute in ("classes", "group_columns")
        if not _distinct_names(getattr(cls, attribute, None))
    ]
    if not found and getattr(cls, "default_group", None) not in cls.group_columns:
        found.append("has a `default_group` that is not among its `group_columns`")
    magnifications = cls.magnifications
    if not isinstance(magnifications, tuple) or list(magnifications) != sorted(set(magnifications)):
        found.append("does not list its `magnifications` in ascending order")
    return found


def _strategy_problems(cls: type[Any]) -> list[str]:
    lowest = {"views": 2, "human_prior": 0, "degrees_of_freedom": 0}
    return [
        f"does not declare `{attribute}` as a whole number, {least} or more"
        for attribute, least in lowest.items()
        if type(getattr(cls, attribute, None)) is not int or getattr(cls, attribute) < least
    ]


def _encoder_problems(cls: type[Any]) -> list[str]:
    family = cls.family
    if family is None or (isinstance(family, str) and NAME.fullmatch(family)):
        return []
    return [f"has the family {family!r}, not None or lower-case letters, digits and . _ -"]


def _distinct_names(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) > 0
        and all(isinstance(item, str) and item for item in value)
        and len(set(value)) == len(value)
    )


_KIND_PROBLEMS: dict[Kind, Callable[[type[Any]], list[str]]] = {
    "dataset": _dataset_problems,
    "strategy": _strategy_problems,
    "encoder": _encoder_problems,
    "loss": lambda _: [],
}
