"""What is known of one stage: its inputs, its code, where and when it ran, what it left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mpcs_bench.provenance.data_facts import DataFacts, DataReader
from mpcs_bench.records import Result


@dataclass(frozen=True, slots=True)
class PluginFacts:
    """A plugin that a stage used: `source` is the digest of its file, for one that is a file."""

    plugin: str
    version: str
    source: str | None
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StageFacts:
    """One stage with a result.

    `seeds` are the roots that all its random numbers are derived from, by name. `weights` is the
    SHA-256 of the file that its encoder started from, or a word such as `none`; with an
    `upstream` that is where it started instead. `started` and `finished` are ISO 8601 in UTC.
    """

    key: str
    kind: str
    symbolic: str
    stage_version: int
    started: str | None
    finished: str
    seconds: float | None
    host: str | None
    device: str | None
    seeds: Mapping[str, int]
    data: DataFacts
    weights: str
    upstream: str | None
    plugins: tuple[PluginFacts, ...]
    code: Mapping[str, Any]
    environment: Mapping[str, Any]
    notes: Mapping[str, Any]
    files: Mapping[str, str]


def stage_facts(result: Result, reader: DataReader, split_seed: int | None) -> StageFacts:
    """Return the facts of a stored stage; `split_seed` is what its split was drawn by."""
    hashed, manifest = result.spec.spec, result.manifest
    environment = dict(manifest.environment)
    spec = hashed["spec"]
    roots = {name: spec[name] for name in ("seed", "replicate") if name in spec}
    if split_seed is not None:
        roots["split_seed"] = split_seed
    seconds = manifest.timings.get("seconds")
    return StageFacts(
        key=result.key,
        kind=result.spec.kind,
        symbolic=result.spec.symbolic,
        stage_version=result.spec.stage_version,
        started=started_at(manifest.created, seconds),
        finished=manifest.created,
        seconds=seconds,
        host=environment.get("host"),
        device=environment.get("device"),
        seeds=roots,
        data=reader.of_stage(hashed),
        weights=str(hashed["weights"]),
        upstream=hashed["upstream"],
        plugins=tuple(_plugins(spec)),
        code=dict(environment.pop("code", None) or {}),
        environment=environment,
        notes=dict(manifest.notes),
        files=dict(manifest.files),
    )


def started_at(finished: str, seconds: float | None) -> str | None:
    """Return when a stage began, from its end and how long it took."""
    if seconds is None:
        return None
    begun = datetime.fromisoformat(finished) - timedelta(seconds=seconds)
    return begun.isoformat(timespec="milliseconds")


def _plugins(value: Any) -> Iterator[PluginFacts]:
    if not isinstance(value, Mapping):
        return
    if "plugin" in value and "version" in value:
        yield PluginFacts(
            plugin=str(value["plugin"]),
            version=str(value["version"]),
            source=value.get("source"),
            params=dict(value.get("params") or {}),
        )
    for name in sorted(value):
        yield from _plugins(value[name])
