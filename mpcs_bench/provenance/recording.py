"""Records what a plan was made from, so that it can be repeated elsewhere."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mpcs_bench.engine.plan import Plan, PlanCell
from mpcs_bench.errors import StoreError
from mpcs_bench.protocol.canonical import digest
from mpcs_bench.protocol.cells import DataNeed
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.provenance.origin import (
    DataUse,
    Origin,
    SourceFile,
    cells_digest,
    source_file,
    write_origin,
)
from mpcs_bench.provenance.portable import Layout
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Given:
    """What a run was told, besides the protocols: see `api.Options`."""

    overlays: tuple[str, ...] = ()
    assignments: tuple[str, ...] = ()
    only: Mapping[str, Iterable[str]] | None = None
    data_roots: Mapping[str, str] | None = None
    plugins: tuple[Path, ...] = ()
    trust: bool = False


def record_plan(
    workspace: Path,
    planned: Plan,
    references: Sequence[str],
    given: Given,
    *,
    registry: Registry,
    folders: Sequence[Path],
) -> list[Path]:
    """Write `origins/<protocol>.json` for each protocol of a plan; return the files.

    `references` are the protocols as they were given, in the order of the plan; `folders` those
    that protocols ship in. Raises StoreError where a file cannot be read or written.
    """
    return [
        write_origin(
            workspace,
            _origin(loaded, reference, planned, given, registry=registry, folders=folders),
        )
        for loaded, reference in zip(planned.protocols, references, strict=True)
    ]


def _origin(
    loaded: LoadedProtocol,
    reference: str,
    planned: Plan,
    given: Given,
    *,
    registry: Registry,
    folders: Sequence[Path],
) -> Origin:
    name = loaded.protocol.name
    members = [item for item in planned.members if item.cell.protocol == name]
    layout = Layout(loaded, given.overlays, folders)
    files = [source_file(place, source) for place, source in layout.places.items()]
    own = [(loaded.path.parent / written).resolve() for written in loaded.protocol.plugins]
    lacking = [*layout.lacking, *_weight_files(members)]
    plugins = dict.fromkeys([*(path.resolve() for path in given.plugins), *own])
    places = [_copied(path, "plugins", files, lacking) for path in plugins]
    data = tuple(_data(loaded, _needs(members), registry, files, lacking))
    names = {need.name for need in _needs(members)}
    return Origin(
        protocol=name,
        recorded=datetime.now(UTC).isoformat(timespec="seconds"),
        cells=cells_digest(item.key for item in members),
        folder=str(Path.cwd()),
        reference=reference,
        file=layout.main,
        files=tuple(sorted(files, key=lambda file: file.place)),
        overlays=given.overlays,
        overlay_names=layout.overlays,
        assignments=given.assignments,
        only={axis: tuple(sorted(kept)) for axis, kept in (given.only or {}).items()},
        data_roots=dict(given.data_roots or {}),
        plugins=tuple(map(str, given.plugins)),
        plugin_files=tuple(place for place in places if place is not None),
        own_plugins=bool(own),
        trust=given.trust,
        device=planned.device,
        data=data,
        fingerprints=tuple(sorted({print_ for used, print_ in planned.samples if used in names})),
        lacking=tuple(lacking),
    )


def _needs(members: Iterable[PlanCell]) -> Iterator[DataNeed]:
    for item in members:
        stage = item.cell.stage
        yield stage.data
        if stage.upstream is not None:
            yield stage.upstream.data


def _weight_files(members: Iterable[PlanCell]) -> Iterator[str]:
    """Say which weight files a copy must be given: they are large, and others' work."""
    stages = [item.cell.stage for item in members]
    files = {(stage.upstream or stage).weights.file for stage in stages} - {None}
    for file in sorted(map(str, files)):
        yield (
            f"The weight file {Path(file).name} is not copied; its SHA-256 stands with the stages. "
            "Give it with --set weights.file=FILE."
        )


def _data(
    loaded: LoadedProtocol,
    needs: Iterable[DataNeed],
    registry: Registry,
    files: list[SourceFile],
    lacking: list[str],
) -> Iterator[DataUse]:
    """Yield each data set once; its split file, being a text that decides parts, is copied."""
    seen: set[str] = set()
    for need in needs:
        file = need.settings.split.file
        mark = digest([need.name, need.plugin, need.settings.image_size, file])
        if mark in seen:
            continue
        seen.add(mark)
        place = None
        if file is not None and loaded.protocol.datasets[need.name].split.file == file:
            place = _copied(Path(need.split.file or file), "splits", files, lacking)
        elif file is not None:
            lacking.append(f"The split file {file}, which only some cells have, is not copied.")
        resolved = registry.resolve("dataset", need.plugin["plugin"], need.plugin["params"])
        yield DataUse(
            name=need.name,
            plugin=need.plugin,
            image_size=need.settings.image_size,
            generated=registry.create(resolved, Dataset).generated,
            split_file=place,
        )


def _copied(source: Path, folder: str, files: list[SourceFile], lacking: list[str]) -> str | None:
    """Copy a file, once; return its place, or None where it cannot be read as text."""
    known = next((file.place for file in files if file.source == str(source)), None)
    if known is not None:
        return known
    place = _free(f"{folder}/{source.name}", files)
    try:
        files.append(source_file(place, source))
    except StoreError as error:
        lacking.append(error.message)
        return None
    return place


def _free(place: str, files: Iterable[SourceFile]) -> str:
    """Return `place`, with a number where another file has it."""
    taken = {file.place for file in files}
    stem, ending = posixpath.splitext(place)
    candidates = (place, *(f"{stem}-{number}{ending}" for number in range(2, len(taken) + 3)))
    return next(item for item in candidates if item not in taken)
