"""Facts that are exact wherever a run takes place: settings, data, splits, leakage, pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mpcs_bench.check.baseline import Observation
from mpcs_bench.check.errors import CheckError
from mpcs_bench.check.items import Item
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
    yield from _settings(before, after)
    yield _facts("data", before.fingerprints, after.fingerprints, "fingerprint")
    yield _facts("split", before.splits, after.splits, "split")
    new = sorted(set(after.findings) - set(before.findings))
    gone = sorted(set(before.findings) - set(after.findings))
    said = [f"new: {text}" for text in new] + [f"no longer found: {text}" for text in gone]
    yield _item("leakage", said, f"{len(after.findings)} findings, as in the baseline")
    yield _facts("pairs drawn", before.pairs, after.pairs, "pre-training")


def _settings(before: Observation, after: Observation) -> Iterator[Item]:
    """The text of the protocol is the same: so a setting that differs is a default that changed."""
    changed: dict[str, None] = {}
    for name, old in before.stages.items():
        new = after.stages.get(name)
        if new is not None and new.settings != old.settings:
            left, right = before.settings[old.settings], after.settings[new.settings]
            changed |= dict.fromkeys(f"{old.kind} {text}" for text in differing(left, right))
    yield _item("settings", list(changed), "what the protocol resolves to is unchanged")


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
