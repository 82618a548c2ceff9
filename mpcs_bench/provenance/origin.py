"""The protocol behind a plan, as it was written and varied: `origins/<protocol>.json`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mpcs_bench.errors import StoreError
from mpcs_bench.protocol.canonical import digest
from mpcs_bench.records import FORMAT, PlanRecord
from mpcs_bench.records.atomic_write import atomic_write_text
from mpcs_bench.records.json_file import read_json, to_json

FOLDER = "origins"
HINT = "Remove this file, and run the protocol again: it is written anew and nothing is computed."


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A text file that a plan was read from: its `place` in a copy, where it was, its content."""

    place: str
    source: str
    sha256: str
    text: str


@dataclass(frozen=True, slots=True)
class DataUse:
    """A data set in use: its name in the protocol, identity of the plugin, working size, split.

    `split_file` is the place of a split file in the copy, None where there is none.
    """

    name: str
    plugin: Mapping[str, Any]
    image_size: tuple[int, int] | None
    generated: bool
    split_file: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What a protocol's plan was made from.

    `cells` is the digest of the keys of its cells: it tells whether the plan is still this one's.
    `reference`, `overlays`, `assignments`, `only`, `data_roots`, `plugins`, `trust` and `device`
    are as they were given, in `folder`. `file` and `overlay_names` are the protocol and its
    overlays in a copy of `files`; `plugin_files` those of `files` that are plugins. `lacking`
    says what such a copy does not hold.
    """

    protocol: str
    recorded: str
    cells: str
    folder: str
    reference: str
    file: str
    files: tuple[SourceFile, ...]
    overlays: tuple[str, ...]
    overlay_names: tuple[str, ...]
    assignments: tuple[str, ...]
    only: Mapping[str, tuple[str, ...]]
    data_roots: Mapping[str, str]
    plugins: tuple[str, ...]
    plugin_files: tuple[str, ...]
    own_plugins: bool
    trust: bool
    device: str
    data: tuple[DataUse, ...]
    fingerprints: tuple[str, ...]
    lacking: tuple[str, ...] = ()

    def is_of(self, plan: PlanRecord) -> bool:
        """Say whether `plan` was made from this."""
        return self.cells == cells_digest(cell.key for cell in plan.cells)


def cells_digest(keys: Iterable[str | None]) -> str:
    """Return the digest of the keys of a plan's cells, in their order."""
    return digest(list(keys))


def source_file(place: str, source: Path) -> SourceFile:
    """Read a text file; raises StoreError where it cannot be read, or is no UTF-8."""
    try:
        content = source.read_bytes()
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"Cannot read {source} to record it: {error}.") from error
    return SourceFile(place, str(source), hashlib.sha256(content).hexdigest(), text)


def write_origin(workspace: Path, origin: Origin) -> Path:
    """Write `origins/<protocol>.json`, atomically; raises StoreError."""
    path = workspace / FOLDER / f"{origin.protocol}.json"
    document = {"format": FORMAT, **asdict(origin)}
    atomic_write_text(path, to_json(document, f"The origin of {origin.protocol}"))
    return path


def read_origin(workspace: Path, protocol: str) -> Origin | None:
    """Return the origin of a protocol's plan, None where none was recorded.

    Raises StoreError where the file is damaged or of a newer format.
    """
    path = workspace / FOLDER / f"{protocol}.json"
    if not path.is_file():
        return None
    document = read_json(path, HINT)
    try:
        values = {item.name: document[item.name] for item in fields(Origin)}
        lists = ("overlays", "overlay_names", "assignments", "plugins", "plugin_files")
        return Origin(
            **values
            | {name: tuple(values[name]) for name in (*lists, "fingerprints", "lacking")}
            | {
                "files": tuple(SourceFile(**item) for item in values["files"]),
                "data": tuple(_data_use(item) for item in values["data"]),
                "only": {axis: tuple(kept) for axis, kept in values["only"].items()},
            }
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} is damaged: {error}.", hint=HINT) from error


def origin_of(workspace: Path, plan: PlanRecord) -> Origin | None:
    """Return the origin of a plan, None where it is not recorded; raises StoreError."""
    origin = read_origin(workspace, plan.protocol)
    return origin if origin is not None and origin.is_of(plan) else None


def _data_use(item: Mapping[str, Any]) -> DataUse:
    size = item["image_size"]
    return DataUse(**{**item, "image_size": None if size is None else (size[0], size[1])})
