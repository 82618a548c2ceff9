"""What the cache holds that no plan uses; all of it can be made again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.working import working_file
from mpcs_bench.errors import DataError
from mpcs_bench.protocol.canonical import digest
from mpcs_bench.provenance.origin import Origin, origin_of
from mpcs_bench.provenance.splits import StoredSplits
from mpcs_bench.stages.encoding_file import FOLDER, SUFFIX
from mpcs_bench.upkeep.garbage import Item, size_of
from mpcs_bench.upkeep.known import Known
from mpcs_bench.upkeep.unused_encodings import encoding_uses, unused_encodings

AGE = 3600.0
"""Seconds for which a new file is left alone: `plan` and `data prepare` hold no lock."""

Size = tuple[int, int] | None


@dataclass(slots=True)
class Uses:
    """What the needed stages use of the cache."""

    fingerprints: set[str] = field(default_factory=set)
    splits: set[str] = field(default_factory=set)
    folds: set[tuple[int, str]] = field(default_factory=set)
    sizes: set[Size] = field(default_factory=set)
    plugins: list[Mapping[str, Any]] = field(default_factory=list)


def unused_cache(
    workspace: Path, known: Known, needed: frozenset[str]
) -> tuple[list[Item], tuple[str, ...]]:
    """Return what no needed stage uses, and why nothing is told where that cannot be known.

    A stage that has no result yet says nothing of its data; its protocol's origin does.
    """
    cache = workspace / "cache"
    if not cache.is_dir() or not known.plans:
        return [], ()
    origins = {plan.protocol: origin_of(workspace, plan) for plan in known.plans}
    unclear = sorted(_unclear(known, origins))
    if unclear:
        return [], (
            f"The cache is left alone: what {', '.join(unclear)} will use is not all known. Run "
            "it to its end, or run it again with this version.",
        )
    uses = _uses(known, needed, [origin for origin in origins.values() if origin is not None])
    kept, damaged = _indexes(cache, uses.fingerprints)
    items = [*_unused_indexes(cache, uses), *_unused_splits(cache, uses)]
    encodings = list(_old(cache, f"{FOLDER}/[!.]*{SUFFIX}"))
    if encodings:
        needs = encoding_uses(workspace, known, needed)
        items += unused_encodings(encodings, needs, uses.fingerprints)
    if damaged:
        # Which pixels and frames it has, nobody knows until it is made again.
        return items, (f"Images are left alone: the index {damaged[0]} cannot be read.",)
    items += _unused_pixels(cache, kept)
    items += _unused_working(cache, kept, uses.sizes)
    items += _unused_generated(cache, kept, uses.plugins)
    return items, ()


def _unclear(known: Known, origins: Mapping[str, Origin | None]) -> Iterator[str]:
    """Yield protocols with a stage whose data nothing tells: blocked, or not run and unrecorded."""
    for plan in known.plans:
        keys = {key for cell in plan.cells for key in (cell.key, *cell.stages)}
        silent = {key for key in keys - {None} if not _tells(known, key)}
        if None in keys or (silent and origins[plan.protocol] is None):
            yield plan.protocol


def _tells(known: Known, key: str | None) -> bool:
    stage = known.stages.get(key or "")
    return stage is not None and stage.spec is not None


def _uses(known: Known, needed: frozenset[str], origins: Iterable[Origin]) -> Uses:
    uses = Uses()
    for plan in known.plans:
        for cell in plan.cells:
            uses.fingerprints |= {cell.fingerprint} if cell.fingerprint else set()
            uses.splits |= {cell.split_hash} if cell.split_hash else set()
    for key in needed:
        stage = known.stages.get(key)
        if stage is None or stage.spec is None:
            continue
        data = stage.spec["data"]
        uses.fingerprints.add(data["fingerprint"])
        uses.folds.add((int(stage.spec["spec"]["fold"]), data["split"]))
        uses.sizes.add(None if data["image_size"] is None else tuple(data["image_size"]))
        uses.plugins.append(data["plugin"])
    for origin in origins:
        uses.fingerprints |= set(origin.fingerprints)
        uses.sizes |= {use.image_size for use in origin.data}
        uses.plugins += [use.plugin for use in origin.data]
    return uses


def _indexes(cache: Path, fingerprints: Iterable[str]) -> tuple[list[SampleIndex], list[str]]:
    """Return the kept indexes, and the fingerprints of those that cannot be read."""
    kept, damaged = [], []
    for fingerprint in sorted(fingerprints):
        if not (cache / "index" / f"{fingerprint}.parquet").is_file():
            continue  # it is made again, and so is all that only it knows
        try:
            kept.append(SampleIndex.read(cache, fingerprint))
        except DataError:
            damaged.append(fingerprint)
    return kept, damaged


def _unused_indexes(cache: Path, uses: Uses) -> Iterator[Item]:
    for path in _old(cache, "index/[!.]*.parquet"):
        if path.stem not in uses.fingerprints:
            reason = "no plan uses these data"
            yield Item("indexes", path.stem, reason, (path,), size_of([path]), path.stem)


def _unused_splits(cache: Path, uses: Uses) -> Iterator[Item]:
    stored = StoredSplits(cache)
    kept = set(uses.splits)
    for fold, fold_hash in uses.folds:
        kept |= {table.hash for table in stored.all_of_fold(fold, fold_hash)}
    for path in _old(cache, "splits/[!.]*.parquet"):
        if path.stem not in kept:
            yield Item("splits", path.stem, "no plan uses it", (path,), size_of([path]))


def _unused_pixels(cache: Path, kept: Iterable[SampleIndex]) -> Iterator[Item]:
    used = {name for index in kept for name in index.text("pixel_hash")}
    spare = tuple(path for path in _old(cache, "pixels/*/[!.]*.npy") if path.stem not in used)
    if spare:
        name = f"{len(spare)} decoded images"
        yield Item("pixels", name, "no plan uses their data", spare, size_of(spare))


def _unused_working(
    cache: Path, kept: Iterable[SampleIndex], sizes: Iterable[Size]
) -> Iterator[Item]:
    listed = list(sizes)
    used = {path for index in kept for size in listed if (path := _frames(index, size, cache))}
    for path in _old(cache, "working/[!.]*.npy"):
        if path not in used:
            reason = "no plan uses these data at this size"
            yield Item("working images", path.stem, reason, (path,), size_of([path]))


def _frames(index: SampleIndex, size: Size, cache: Path) -> Path | None:
    try:
        return working_file(index, size, cache)
    except DataError:
        return None  # images of several sizes have no frames as stored


def _unused_generated(
    cache: Path, kept: Iterable[SampleIndex], plugins: Iterable[Mapping[str, Any]]
) -> Iterator[Item]:
    """Yield folders of drawn data; each is called by its plugin and the digest of its identity."""
    # A result knows a plugin without its parameters, which the index has.
    params = [index.dataset.params for index in kept]
    used = {
        f"{plugin['plugin'].replace('/', '-')}-{digest(identity)[:16]}"
        for plugin in plugins
        for identity in (dict(plugin), *({**plugin, "params": given} for given in params))
    }
    for path in _old(cache, "generated/[!.]*"):
        if path.name not in used:
            reason = "no plan uses it; it can be drawn again"
            yield Item("generated data", path.name, reason, (path,), size_of([path]))


def _old(cache: Path, pattern: str) -> Iterator[Path]:
    before = time.time() - AGE
    for path in sorted(cache.glob(pattern)):
        try:
            if path.lstat().st_mtime < before:
                yield path
        except OSError:
            continue
