"""Samples of values against samples: a test with a stated rate of false alarms for the run."""

from __future__ import annotations

from collections.abc import Iterator

from mpcs_bench.check.baseline import Observation, Series
from mpcs_bench.check.blocked_permutation import Shift, blocked_shift
from mpcs_bench.check.items import Item
from mpcs_bench.check.names import told
from mpcs_bench.stats import holm

SHOWN = 5
LOSS_BOUND = 0.5
"""A mean loss further than this part of the baseline's from it is no training noise."""


def compare_samples(before: Observation, after: Observation, false_alarms: float) -> Iterator[Item]:
    """Yield an item for each series of the baseline, with Holm's correction over all of them.

    The chance that any of them is a regression, where nothing has changed, is at most
    `false_alarms`, over baselines and runs. A series without a counterpart is a regression too,
    and one that has lost values: of a seed of the baseline that was run again each is needed, of
    other seeds as many.
    """
    new = {(series.subject, series.what): series for series in after.series}
    run = {
        (block, seed)
        for series in after.series
        for block, seeds in series.values.items()
        for seed in seeds
    }
    tested: list[tuple[Series, Shift]] = []
    for old in before.series:
        found = new.get((old.subject, old.what))
        if missing := list(_missing(old, found, run)):
            more = " ..." if len(missing) > SHOWN else ""
            yield Item(
                "samples",
                f"{told(old.subject)}: {old.what}",
                "regression",
                "; ".join(missing[:SHOWN]) + more,
            )
        shift = found and blocked_shift(old.values, found.values, two_sided=old.better == "either")
        if shift:
            tested.append((old, shift))
    adjusted = holm([shift.p for _, shift in tested])
    for (old, shift), p in zip(tested, adjusted, strict=True):
        assert p is not None
        yield _item(old, shift, p, false_alarms, len(tested))
        if old.what.startswith("last "):
            yield _bound(old, shift)


def _missing(old: Series, found: Series | None, run: set[tuple[str, str]]) -> Iterator[str]:
    """Yield what the baseline has values for and the run has none, block by block."""
    for block, seeds in old.values.items():
        mine = found.values.get(block, {}) if found else {}
        if not mine:
            yield f"no value for {block}"
            continue
        lost = [seed for seed in seeds if seed not in mine and (block, seed) in run]
        if lost:
            yield f"no value for {block}, {', '.join(lost)}"
        elif len(mine) < len(seeds):
            yield f"{block}: {len(mine)} values against {len(seeds)}"


def _item(old: Series, shift: Shift, p: float, false_alarms: float, tests: int) -> Item:
    loss = old.better == "either"
    size = f"{shift.difference:+.4g}" if loss else f"{100 * shift.difference:+.2f} points"
    said = f"{size} ({shift.n_after} values against {shift.n_before}); p = {p:.4g} after Holm"
    regression = p <= false_alarms
    if regression:
        said = f"{'moved from' if loss else 'worse than'} the baseline's by {said}"
    elif tests * shift.smallest_p > false_alarms:
        said += "; too few values for these tests to raise an alarm by this series alone"
    return Item(
        rule="samples",
        subject=f"{told(old.subject)}: {old.what}",
        verdict="regression" if regression else "passed",
        message=said,
        p=shift.p,
        p_holm=p,
        smallest_p=shift.smallest_p,
    )


def _bound(old: Series, shift: Shift) -> Item:
    means = [sum(seeds.values()) / len(seeds) for seeds in old.values.values()]
    mean = sum(means) / len(means)
    outside = abs(shift.difference) > LOSS_BOUND * abs(mean)
    return Item(
        rule="loss bound",
        subject=f"{told(old.subject)}: {old.what}",
        verdict="regression" if outside else "passed",
        message=f"{mean:.4g} -> {mean + shift.difference:.4g} "
        f"(allowed: {LOSS_BOUND:.0%} either way)",
    )
