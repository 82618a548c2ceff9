"""What a stage reads: index, split, working images, plugins; kept while a worker is warm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mpcs_bench.data.frames import Frames
from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.splits import SplitTable
from mpcs_bench.data.working import working_frames
from mpcs_bench.errors import PluginError
from mpcs_bench.registry.encoder import Encoder
from mpcs_bench.registry.loss import Loss
from mpcs_bench.registry.plugin import Kind
from mpcs_bench.registry.registry import Registry, ResolvedPlugin
from mpcs_bench.registry.strategy import PairStrategy
from mpcs_bench.stages.job import StageJob


@dataclass(frozen=True, slots=True)
class StageInputs:
    """The data of one job, and the door to its plugins."""

    index: SampleIndex
    split: SplitTable
    images: Frames
    registry: Registry

    @classmethod
    def open(cls, job: StageJob) -> StageInputs:
        """Open what `job` names; a warm worker opens each of them once.

        Raises DataError for what is missing or damaged, SplitError where the split is not of the
        index.
        """
        return cls(
            index=_index(job.cache, job.fingerprint),
            split=_split(job.cache, job.split_hash, job.fingerprint),
            images=_images(job.cache, job.fingerprint, job.image_size),
            registry=registry(job.plugin_files),
        )

    def initial_weights(self, job: StageJob) -> Path | None:
        """Return the file that the encoder starts from: an upstream result's, a file, or none."""
        if job.upstream_key is not None:
            return job.results / job.upstream_key / "weights.safetensors"
        return Path(job.weights_file) if job.weights_file else None

    # What follows raises PluginError where the plugin is no longer the one that was planned.

    def strategy(self, identity: Mapping[str, Any]) -> PairStrategy:
        """Build the pair strategy of an identity."""
        return self.registry.create(self._resolved("strategy", identity), PairStrategy)

    def encoder(self, identity: Mapping[str, Any]) -> Encoder:
        """Build the encoder plugin of an identity."""
        return self.registry.create(self._resolved("encoder", identity), Encoder)

    def loss(self, identity: Mapping[str, Any]) -> Loss:
        """Build the loss plugin of an identity."""
        return self.registry.create(self._resolved("loss", identity), Loss)

    def _resolved(self, kind: Kind, identity: Mapping[str, Any]) -> ResolvedPlugin:
        resolved = self.registry.resolve(kind, identity["plugin"], identity["params"])
        # The key names the planned plugin: its result must not come from another one's code.
        if (resolved.version, resolved.source_sha256) != (
            identity["version"],
            identity.get("source"),
        ):
            raise PluginError(
                f"The {kind} '{resolved.full_name}' has changed since the plan was made.",
                hint="Run again: it is planned anew.",
            )
        return resolved


@lru_cache(maxsize=4)
def registry(plugin_files: tuple[str, ...]) -> Registry:
    """Return the registry with these plugin files."""
    return Registry.discover([Path(file) for file in plugin_files])


@lru_cache(maxsize=8)
def _index(cache: Path, fingerprint: str) -> SampleIndex:
    return SampleIndex.read(cache, fingerprint)


@lru_cache(maxsize=32)
def _split(cache: Path, split_hash: str, fingerprint: str) -> SplitTable:
    split = SplitTable.read(cache, split_hash)
    split.check(_index(cache, fingerprint))
    return split


@lru_cache(maxsize=8)
def _images(cache: Path, fingerprint: str, size: tuple[int, int] | None) -> Frames:
    return working_frames(_index(cache, fingerprint), size, cache)
