"""Facts that are exact wherever a run takes place: stages, settings, data, splits, pairs, keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mpcs_bench.check.baseline import Observation, StageRecord
from mpcs_bench.check.errors import CheckError
from mpcs_bench.check.items import Item
from mpcs_bench.check.names import SEEDS, seeds_in, without
from mpcs_bench.check.promise import device_kind
from mpcs_bench.check.settings import differing

SHOWN = 6


def require_same_protocol(before: Observation, after: Mapping[str, Any], name: str) -> None:
    """Raise CheckError where the protocol's own text is another than the baseline's.

    `after` is what `settings.written` gives of the protocol that is checked.
    """
    found = list(differing(before.written, after))
    if found:
        raise CheckError(
            f"The baseline is of another protocol than '{name}':\n  " + "\n  ".join(found[:SHOWN]),
            hint="Give the protocol and the options it was made with, or store a new baseline "
            "with --update.",
        )


def compare_structure(before: Observation, after: Observation) -> Iterator[Item]:
    """Yield an item for each kind of fact; every difference is a regression."""
    yield _stages(before, after)
    yield from _settings(before, after)
    yield _facts("data", before.fingerprints, after.fingerprints, "fingerprint")
    yield _facts("split", before.splits, after.splits, "split")
    new = sorted(set(after.findings) - set(before.findings))
    gone = sorted(set(before.findings) - set(after.findings))
    said = [f"new: {text}" for text in new] + [f"no longer found: {text}" for text in gone]
    yield _item("leakage", said, f"{len(after.findings)} findings, as in the baseline")
    yield _facts("pairs drawn", before.pairs, after.pairs, "pre-training")
    yield _weights(before, after)
    if device_kind(before.provenance.environment) == device_kind(after.provenance.environment):
        yield _keys(before, after)


def _stages(before: Observation, after: Observation) -> Item:
    """Hold the stages to each other by name; where other seeds were run, less these."""
    old, new = set(before.stages), set(after.stages)
    if seeds_in(old) != seeds_in(new):
        old, new = ({without(name, SEEDS) for name in names} for names in (old, new))
    said = [f"gone: {name}" for name in sorted(old - new)]
    said += [f"new: {name}" for name in sorted(new - old)]
    return _item("stages", said, f"{len(new)} stages, as in the baseline")


def _settings(before: Observation, after: Observation) -> Iterator[Item]:
    """The text of the protocol is the same: so a setting that differs is a default that changed."""
    changed: dict[str, None] = {}
    for _, old, new in _shared(before, after):
        if new.settings != old.settings:
            left, right = before.settings[old.settings], after.settings[new.settings]
            changed |= dict.fromkeys(f"{old.kind} {text}" for text in differing(left, right))
    yield _item("settings", list(changed), "what the protocol resolves to is unchanged")


def _weights(before: Observation, after: Observation) -> Item:
    changed = {
        f"{old.kind}: {old.weights[:12]} -> {new.weights[:12]}": None
        for _, old, new in _shared(before, after)
        if old.weights != new.weights
    }
    return _item("weights", list(changed), "initial weights are those of the baseline")


def _keys(before: Observation, after: Observation) -> Item:
    """A key of equal parts is equal, whatever the seed: another one switches off its digest."""
    moved = (before.fingerprints, before.splits) != (after.fingerprints, after.splits)
    said = [
        f"{name} has another key, and what it is made from is the same"
        for name, old, new in _shared(before, after)
        if old.key != new.key
        and not moved
        and (old.versions, old.settings, old.weights) == (new.versions, new.settings, new.weights)
        and not _stands_on_another(old, new, before, after)
    ]
    return _item("keys", said, "each key is the baseline's, or says why not")


def _stands_on_another(
    old: StageRecord, new: StageRecord, before: Observation, after: Observation
) -> bool:
    """Whether the stage before is another: then that one is judged."""
    keys = [
        records[record.upstream].key if record.upstream in records else None
        for record, records in ((old, before.stages), (new, after.stages))
    ]
    return old.upstream != new.upstream or keys[0] != keys[1]


def _shared(
    before: Observation, after: Observation
) -> Iterator[tuple[str, StageRecord, StageRecord]]:
    for name, old in before.stages.items():
        if name in after.stages:
            yield name, old, after.stages[name]


def _facts(rule: str, before: Mapping[str, Any], after: Mapping[str, Any], noun: str) -> Item:
    said = [
        _named(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    return _item(rule, said, f"{len(after)} {noun}{'s' * (len(after) != 1)}, as in the baseline")


def _named(name: str, before: Any, after: Any) -> str:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return f"{name}: {', '.join(differing(before, after))}"
    short = [text[:12] if isinstance(text, str) else str(text) for text in (before, after)]
    return f"{name}: {short[0]} -> {short[1]}"


def _item(rule: str, said: list[str], fine: str) -> Item:
    if not said:
        return Item("structure", rule, "passed", fine)
    more = f"; and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    return Item("structure", rule, "regression", "; ".join(said[:SHOWN]) + more)
