"""Relative names of files and folders: they mean, beside the file that writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mpcs_bench.protocol.dotted import setting_path
from mpcs_bench.protocol.schema import Protocol
from mpcs_bench.protocol.settings import ANY_NAME, is_path, walk
from mpcs_bench.protocol.variables import anchored_text

PATHS = frozenset(path for path, _, info in walk(Protocol) if is_path(info))
"""The settings that hold the name of a file or folder."""


def anchored(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the values of a file in `folder`, with every path in them as seen from anywhere.

    Paths that start with `~`, and what an environment variable holds, stay as they are.
    """
    result: dict[str, Any] = anchored_value(values, (), folder)
    experiments, matrix, per = (result.get(name) for name in ("experiments", "matrix", "per"))
    if isinstance(per, Mapping):
        result["per"] = {
            axis: {value: anchored_value(item, (), folder) for value, item in by_value.items()}
            if isinstance(by_value, Mapping)
            else by_value
            for axis, by_value in per.items()
        }
    if isinstance(experiments, Mapping):
        result["experiments"] = {
            name: _experiment(item, folder) for name, item in experiments.items()
        }
    if isinstance(matrix, Mapping):
        result["matrix"] = {
            axis: [anchored_value(value, setting_path(axis), folder) for value in items]
            if isinstance(items, list)
            else items
            for axis, items in matrix.items()
        }
    return result


def anchored_value(value: Any, path: tuple[str, ...], folder: Path) -> Any:
    """Return `value`, which stands at `path` of a protocol, with the paths in it anchored."""
    if isinstance(value, Mapping):
        return {key: anchored_value(item, (*path, key), folder) for key, item in value.items()}
    if any(_matches(path, pattern) for pattern in PATHS):
        if isinstance(value, str):
            return anchored_text(value, folder) if value else value
        if isinstance(value, list):
            return [anchored_value(item, path, folder) for item in value]
    return value


def _experiment(experiment: Any, folder: Path) -> Any:
    if not isinstance(experiment, Mapping) or not isinstance(experiment.get("set"), Mapping):
        return experiment
    settings = {
        name: anchored_value(value, setting_path(name), folder)
        for name, value in experiment["set"].items()
    }
    return {**experiment, "set": settings}


def _matches(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    return len(path) == len(pattern) and all(
        wanted in (ANY_NAME, part) for part, wanted in zip(path, pattern, strict=True)
    )
