"""What of a protocol must be equal for two runs to be held to each other, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mpcs_bench.protocol.load import LoadedProtocol

FREE_AXES = ("seed", "replicate")
LABELS = ("name", "title", "description", "report", "extends", "plugins", "keep_weights")
_PER_CELL = {"fold", *FREE_AXES}
_OF_DATA = {"fingerprint", "split"}


def written(loaded: LoadedProtocol) -> dict[str, Any]:
    """Return the protocol as its files, overlays and `--set` say it.

    Seeds, replicates, titles and places on this machine are left out: they may differ.
    """
    values = {k: v for k, v in loaded.document.values.items() if k not in LABELS}
    matrix = {k: v for k, v in dict(values.get("matrix") or {}).items() if k not in FREE_AXES}
    datasets = {
        name: {k: v for k, v in settings.items() if k != "root"}
        for name, settings in dict(values.get("datasets") or {}).items()
    }
    return plain(values | {"matrix": matrix, "datasets": datasets})  # type: ignore[no-any-return]


def settings_of(hashed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resolved settings of a stage, without cell, data, device and versions."""
    spec = {k: _unversioned(v) for k, v in hashed["spec"].items() if k not in _PER_CELL}
    data = {k: _unversioned(v) for k, v in hashed["data"].items() if k not in _OF_DATA}
    return {"kind": hashed["kind"], "spec": spec, "data": data}


def versions_of(hashed: Mapping[str, Any]) -> dict[str, str]:
    """Return what is raised by hand when numbers may change: of the stage and of its plugins.

    A plugin that is a file has the digest of its source instead.
    """
    return {"stage": str(hashed["stage_version"])} | dict(_plugin_versions(hashed))


def differing(before: Any, after: Any, name: str = "") -> Iterator[str]:
    """Yield `a.b.c: before -> after` for each leaf that differs."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            inner = f"{name}.{key}" if name else str(key)
            yield from differing(before.get(key), after.get(key), inner)
    elif before != after:
        yield f"{name}: {before} -> {after}"


def plain(value: Any) -> Any:
    """Return a value as JSON gives it back."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _unversioned(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    hidden = ("version", "source") if "plugin" in value else ()
    return {key: _unversioned(item) for key, item in value.items() if key not in hidden}


def _plugin_versions(value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        return
    if "plugin" in value and "version" in value:
        yield str(value["plugin"]), str(value.get("source") or value["version"])
    for item in value.values():
        yield from _plugin_versions(item)
