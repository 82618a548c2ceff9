"""Encodings in the cache that no stage of a plan rests on, or can still use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mpcs_bench.errors import StoreError
from mpcs_bench.records.files import MANIFEST
from mpcs_bench.records.json_file import read_json
from mpcs_bench.stages.encoding_file import NOTED, read_facts
from mpcs_bench.upkeep.garbage import Item, size_of
from mpcs_bench.upkeep.known import Known, KnownStage


@dataclass(frozen=True, slots=True)
class EncodingUses:
    """Keys that needed results note, and whether a needed stage may use others."""

    keys: frozenset[str]
    pending: bool


def encoding_uses(workspace: Path, known: Known, needed: Iterable[str]) -> EncodingUses:
    """Return what the needed stages use of encodings.

    One without a result, or whose result does not tell, may use any of its data.
    """
    keys: set[str] = set()
    pending = False
    for key in needed:
        stage = known.stages.get(key)
        if stage is None or stage.kind not in ("linear", None):
            continue
        noted = _noted(workspace, stage)
        pending = pending or noted is None
        keys |= noted or set()
    return EncodingUses(frozenset(keys), pending)


def unused_encodings(
    paths: Iterable[Path], uses: EncodingUses, fingerprints: set[str]
) -> Iterator[Item]:
    """Yield those of the encodings `paths` that can go; `fingerprints` are of data in use."""
    for path in paths:
        if path.stem in uses.keys:
            continue
        facts = read_facts(path)
        if facts is None:
            reason = "it is damaged"
        elif facts.get("fingerprint") not in fingerprints:
            reason = "no plan uses these data"
        elif uses.pending:
            continue  # which one a stage will use is known when it runs
        else:
            reason = "no result rests on it"
        yield Item("encodings", path.stem, reason, (path,), size_of([path]))


def _noted(workspace: Path, stage: KnownStage) -> set[str] | None:
    """Return the keys that a result notes; None where it is not there, or cannot be read."""
    if not stage.has_result:
        return None
    try:
        manifest = read_json(workspace / "results" / stage.key / MANIFEST)
    except StoreError:
        return None
    return set(manifest.get("notes", {}).get(NOTED, ()))
