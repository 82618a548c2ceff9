"""Which packages are installed: those that numbers end in, and all that we stand on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version

from mpcs_bench.environment.code import plugin_points

NAMED = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "opencv-python-headless",
    "imagecodecs",
    "scikit-learn",
    "duckdb",
    "pyarrow",
    "pandas",
)
"""Packages that every description names, whether they are installed or not."""


def named_versions() -> dict[str, str | None]:
    """Return the versions of the packages that reports print; None for one that is missing."""
    return {name: _version(name) for name in NAMED}


@lru_cache(maxsize=1)
def installed() -> dict[str, str]:
    """Return name -> version of mpcs-bench, of what registers plugins, and of all they need.

    Names are normalized (lower case, `-`). What is merely installed beside them is left out.
    """
    found: dict[str, str] = {}
    wanted = ["mpcs-bench", *NAMED, *_plugin_distributions()]
    seen: set[tuple[str, str]] = set()
    todo: list[tuple[str, str]] = [(name, "") for name in wanted]
    while todo:
        name, extra = todo.pop()
        if (normalized(name), extra) in seen:
            continue
        seen.add((normalized(name), extra))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        found[normalized(name)] = package.version
        todo += _needs(package, extra)
    return dict(sorted(found.items()))


def normalized(name: str) -> str:
    """Return the one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _plugin_distributions() -> Iterable[str]:
    return {point.dist.name for point in plugin_points() if point.dist is not None}


def _needs(package: Distribution, extra: str) -> Iterator[tuple[str, str]]:
    """Yield (name, extra) of what a package, with one of its extras, needs on this machine."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in package.requires or ():
        try:
            needed = Requirement(text)
        except InvalidRequirement:
            continue  # metadata of old packages; pip has refused or installed it
        if needed.marker is None or needed.marker.evaluate({"extra": extra}):
            yield needed.name, ""
            yield from ((needed.name, name) for name in sorted(needed.extras))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
