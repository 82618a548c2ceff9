"""Which cells a figure shows: one scale and one state of the data, never two joined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mpcs_bench.report.conditions import differences, row_conditions
from mpcs_bench.report.definitions import called_after
from mpcs_bench.report.figures.entry import FigureError
from mpcs_bench.report.figures.evidence import Evidence, scale_rank
from mpcs_bench.report.grouping import RowGroup, group_rows
from mpcs_bench.report.numbers import counted
from mpcs_bench.report.source import CellRecord

Useful = Callable[[CellRecord], bool]
"""Says whether a cell has what the figure draws."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The rows to draw, in the protocol's order; `warnings` say what a reader must know of them."""

    groups: tuple[RowGroup, ...]
    dataset: str
    scale: str
    fingerprint: str | None
    warnings: tuple[str, ...]

    def encoders(self, preferred: str | None = None) -> tuple[str, ...]:
        """Return the encoders of the rows, the preferred one first."""
        found = dict.fromkeys(encoder_of(group) for group in self.groups)
        return tuple(sorted(found, key=lambda name: (name != preferred, list(found).index(name))))


def choose(
    evidence: Evidence,
    experiments: Sequence[str],
    useful: Useful,
    *,
    dataset: str,
    every_variant: bool = False,
) -> Choice:
    """Return the best of what there is: scale first, then how many experiments and cells.

    `dataset` is the one that the paper's figure is of. Where an experiment was run in several
    variants, the one with the most useful cells is drawn, and the warning counts the others;
    `every_variant` draws them all. Raises FigureError where no cell is useful.
    """
    cells = evidence.of(experiments)
    buckets: dict[tuple[str, str, str | None], list[CellRecord]] = defaultdict(list)
    for cell in cells:
        if useful(cell):
            buckets[cell.scale, cell.dataset, cell.fingerprint].append(cell)
    if not buckets:
        raise nothing(experiments, cells)
    order = sorted(buckets, key=lambda place: _merit(place, buckets[place], dataset))
    scale, name, fingerprint = order[0]
    alike = [
        cell
        for cell in cells
        if (cell.scale, cell.dataset) == (scale, name) and cell.fingerprint in (fingerprint, None)
    ]
    groups, warnings = group_rows(alike), list[str]()
    if every_variant:
        groups = tuple(g for g in groups if any(useful(cell) for cell in g.cells))
    else:
        groups, warnings = _one_variant_each(groups, useful)
    return Choice(
        groups=groups,
        dataset=name,
        scale=scale,
        fingerprint=fingerprint,
        warnings=(
            *_of_bucket(scale, name, dataset),
            *_of_rows(groups),
            *_others(order),
            *warnings,
        ),
    )


def nothing(experiments: Sequence[str], cells: Sequence[CellRecord], what: str = "") -> FigureError:
    """Return the error of a figure that has no cell to draw; `what` is all that they lack."""
    names = span(experiments)
    hint = f"Run them: `mpcs-bench run {' '.join(map(called_after, experiments))}`."
    if not cells:
        return FigureError(f"These protocols hold no cell of {names}.", hint=hint, fed=False)
    done = sum(cell.state == "done" for cell in cells)
    lacking = what or "none has a test result of the metric"
    return FigureError(
        f"Of {counted(len(cells), 'cell')} of {names}, {done} are done; {lacking}.",
        hint=hint,
        fed=True,
    )


def incomplete(groups: Iterable[RowGroup], useful: Useful) -> tuple[str, ...]:
    """Warn where a row has cells without a result: its mean is over those that have one."""
    cells = [cell for group in groups for cell in group.cells]
    lacking = sum(not useful(cell) for cell in cells)
    if not lacking:
        return ()
    return (f"{lacking} of {counted(len(cells), 'cell')} have no result yet.",)


def unequal(groups: Iterable[RowGroup]) -> tuple[str, ...]:
    """Warn where rows drawn side by side were made under different conditions, naming two."""
    listed = [group for group in groups if group.first.conditions is not None]
    if not listed:
        return ()
    first = row_conditions(listed[0].first.conditions or {})
    for other in listed[1:]:
        found = differences(first, row_conditions(other.first.conditions or {}))
        if found:
            named = "; ".join(map(str, found[:2]))
            names = f"{listed[0].first.label} and {other.first.label}"
            return (f"Conditions differ between {names}: {named}.",)
    return ()


def span(experiments: Sequence[str]) -> str:
    """Return `Exp-2, Exp-3 and Exp-4`."""
    names = [name[:1].upper() + name[1:] for name in experiments]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def encoder_of(group: RowGroup) -> str:
    """Return the encoder of a row, as its protocol calls it."""
    return dict(group.first.factors)["encoder"]


def strategy_of(group: RowGroup) -> str:
    """Return the pair strategy of a row, `none` without pre-training."""
    return dict(group.first.factors)["strategy"]


def _merit(
    place: tuple[str, str, str | None], cells: Sequence[CellRecord], dataset: str
) -> tuple[object, ...]:
    scale, name, fingerprint = place
    covered = len({cell.experiment for cell in cells})
    return scale_rank(scale), name != dataset, -covered, -len(cells), name, fingerprint or ""


def _of_bucket(scale: str, name: str, dataset: str) -> list[str]:
    found = []
    if scale != "paper":
        found.append(f"Scaled-down run (scale {scale}): not comparable with published values.")
    if name != dataset:
        found.append(f"Of the data set '{name}', where the paper's figure is of {dataset}.")
    return found


def _of_rows(groups: Sequence[RowGroup]) -> list[str]:
    found = []
    optimistic = [g.first.label for g in groups if any(c.selected_on_test for c in g.cells)]
    if optimistic:
        names = ", ".join(dict.fromkeys(optimistic))
        found.append(f"{names}: epoch chosen on the test part, so that values are optimistic.")
    claimed = [group.first.label for group in groups if group.ambiguous]
    if claimed:
        names = ", ".join(dict.fromkeys(claimed))
        found.append(f"{names}: several cells claim the same place, and are set aside.")
    return found


def _others(order: Sequence[tuple[str, str, str | None]]) -> list[str]:
    scale, name, _ = order[0]
    found = []
    scales = dict.fromkeys(place[0] for place in order if place[0] != scale)
    if scales:
        found.append(f"Results at scale {', '.join(scales)} are not drawn.")
    datasets = dict.fromkeys(p[1] for p in order if p[0] == scale and p[1] != name)
    if datasets:
        found.append(f"Results on {', '.join(datasets)} are not drawn.")
    states = [place for place in order[1:] if place[:2] == (scale, name)]
    if states:
        noun = counted(len(states), "other state")
        found.append(f"Results on {noun} of the data (another fingerprint) are not drawn.")
    return found


def _one_variant_each(
    groups: Sequence[RowGroup], useful: Useful
) -> tuple[tuple[RowGroup, ...], list[str]]:
    slots: dict[tuple[object, ...], list[RowGroup]] = defaultdict(list)
    for group in groups:
        if any(useful(cell) for cell in group.cells):
            first = group.first
            adaptation = dict(first.factors)["adaptation"]
            slot = first.experiment, encoder_of(group), adaptation, first.label_fraction
            slots[slot].append(group)
    kept, warnings = [], []
    for variants in slots.values():
        best = max(variants, key=lambda group: _standing(group, useful))
        kept.append(best)
        if len(variants) > 1:
            setting = ", ".join(f"{name} = {value}" for name, value in best.variant[:2])
            warnings.append(
                f"{best.first.label} was run in {len(variants)} variants; drawn is the one with "
                f"{setting or 'the most results'}."
            )
    return tuple(kept), list(dict.fromkeys(warnings))


def _standing(group: RowGroup, useful: Useful) -> tuple[bool, int]:
    """Return how good a variant is to draw: not optimistic, and with many results."""
    return not group.first.selected_on_test, sum(useful(cell) for cell in group.cells)
