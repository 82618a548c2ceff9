"""The data behind a stage: fingerprint, licence, counts, and the split with its groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.splits import PARTS
from mpcs_bench.errors import DataError, PluginError
from mpcs_bench.provenance.splits import StoredSplits
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class PartCount:
    """How many samples, and groups that the split may not tear apart, a part has."""

    samples: int
    groups: int


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """The split of one fold. `hash` (all folds) and `parts` are there while its table is cached."""

    fold: int
    fold_hash: str
    group: str
    hash: str | None = None
    parts: Mapping[str, PartCount] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataFacts:
    """A data set as a stage used it.

    `licence`, `citation` and `homepage` are those that its plugin declares here and now, None
    where the plugin is not at hand; `params`, `samples` and `patients` are there while its index
    is cached.
    """

    plugin: str
    version: str
    source: str | None
    fingerprint: str
    image_size: tuple[int, int] | None
    split: SplitFacts
    licence: str | None = None
    citation: str | None = None
    homepage: str | None = None
    params: Mapping[str, Any] | None = None
    samples: int | None = None
    patients: int | None = None


class DataReader:
    """Looks data sets and splits up in a workspace's cache, each of them once."""

    def __init__(self, cache: Path, registry: Registry) -> None:
        self._cache, self._registry = cache, registry
        self.splits = StoredSplits(cache)
        self._indexes: dict[str, SampleIndex | None] = {}

    def of_stage(self, hashed: Mapping[str, Any]) -> DataFacts:
        """Return the data of a stage, from what its key is the digest of."""
        data, fold = hashed["data"], int(hashed["spec"]["fold"])
        plugin, size = data["plugin"], data["image_size"]
        index = self.index(data["fingerprint"])
        declared = self._declared(str(plugin["plugin"]))
        return DataFacts(
            plugin=plugin["plugin"],
            version=plugin["version"],
            source=plugin.get("source"),
            fingerprint=data["fingerprint"],
            image_size=None if size is None else (size[0], size[1]),
            split=self._split(fold, data["split"], data["group"]),
            licence=declared.licence if declared else None,
            citation=declared.citation if declared else None,
            homepage=declared.homepage if declared else None,
            params=index.dataset.params if index is not None else None,
            samples=len(index) if index is not None else None,
            patients=len(set(index.text("patient_id"))) if index is not None else None,
        )

    def index(self, fingerprint: str) -> SampleIndex | None:
        """Return the sample index, None where it is not in the cache, or damaged."""
        if fingerprint not in self._indexes:
            try:
                self._indexes[fingerprint] = SampleIndex.read(self._cache, fingerprint)
            except DataError:
                self._indexes[fingerprint] = None
        return self._indexes[fingerprint]

    def _split(self, fold: int, fold_hash: str, group: str) -> SplitFacts:
        table = self.splits.of_fold(fold, fold_hash)
        if table is None:
            return SplitFacts(fold, fold_hash, group)
        parts: dict[str, PartCount] = {
            part: PartCount(len(table.rows(fold, part)), table.groups(fold, part)) for part in PARTS
        }
        return SplitFacts(fold, fold_hash, group, table.hash, parts, table.notes)

    def _declared(self, name: str) -> type[Dataset] | None:
        try:
            cls = self._registry.get("dataset", name).cls
        except PluginError:
            return None
        return cls if issubclass(cls, Dataset) else None
