"""Equal bit for bit, where that is promised: the same environment, the same keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mpcs_bench.check.baseline import Observation, StageRecord
from mpcs_bench.check.items import Item
from mpcs_bench.check.names import seeds_in
from mpcs_bench.check.settings import differing

SHOWN = 5


def compare_digests(
    before: Observation, after: Observation, differs: Sequence[str]
) -> Iterator[Item]:
    """Yield an item for each kind of stage; `differs` says what the promise lacks, if anything.

    A stage whose version, or whose plugin's version, was raised is announced to differ: it is a
    notice, and left to the samples. So are the stages that stand on it.
    """
    shared = {name: after.stages[name] for name in before.stages if name in after.stages}
    if differs:
        yield Item(
            "digest", "all", "notice", f"not promised to be equal here: {'; '.join(differs)}"
        )
        return
    if not shared:
        same = seeds_in(before.stages) == seeds_in(after.stages)
        why = "no stage has a counterpart" if same else "the seeds are others than the baseline's"
        yield Item("digest", "all", "notice", why)
        return
    for kind, count in Counter(record.kind for record in shared.values()).items():
        names = [name for name, record in shared.items() if record.kind == kind]
        yield from _kind(kind, count, names, before, after)


def _kind(
    kind: str, count: int, names: list[str], before: Observation, after: Observation
) -> Iterator[Item]:
    promised = [name for name in names if before.stages[name].key == after.stages[name].key]
    announced = [name for name in names if name not in promised]
    if announced:
        why = dict.fromkeys(
            text
            for name in announced
            for text in _announced(before.stages[name], after.stages[name])
        )
        yield Item(
            "digest",
            kind,
            "notice",
            f"{len(announced)} of {count} have another key: {', '.join(why) or 'see structure'}",
        )
    changed = [n for n in promised if before.stages[n].digest != after.stages[n].digest]
    if changed:
        listed = ", ".join(changed[:SHOWN]) + (" ..." if len(changed) > SHOWN else "")
        # What stands on a changed stage differs because of it: where it began is what helps.
        above = {before.stages[name].upstream for name in changed}
        begun = any(_differs(name, before, after) for name in above if name is not None)
        where = " (so do the stages they stand on)" if begun else ""
        yield Item(
            "digest",
            kind,
            "regression",
            f"{len(changed)} of {len(promised)} differ from the baseline{where}: {listed}",
        )
    elif promised:
        yield Item("digest", kind, "passed", f"{len(promised)} are equal bit for bit")


def _differs(name: str, before: Observation, after: Observation) -> bool:
    return name in after.stages and before.stages[name].digest != after.stages[name].digest


def _announced(before: StageRecord, after: StageRecord) -> list[str]:
    return [f"version of {text}" for text in differing(before.versions, after.versions)]
