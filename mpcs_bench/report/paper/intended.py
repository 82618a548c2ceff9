"""What the protocols at the paper's scale would run: what our cells are held to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from mpcs_bench.errors import BenchError
from mpcs_bench.protocol.cells import Cell
from mpcs_bench.protocol.factors import set_by
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.report.conditions import flatten, row_conditions
from mpcs_bench.report.definitions import called_after
from mpcs_bench.report.paper.model import PAPER_SCALE

CHANGED = "; changed: "
"""What stands in a decision's text before the settings that are not as its option says."""

EITHER = " / "
"""What stands between two texts where the cells of one experiment took a decision differently."""

MACHINE = ("device", "threads", "deterministic")
"""Conditions that say how the machine works, and nothing of the experiment."""


@dataclass(frozen=True, slots=True)
class IntendedRun:
    """One experiment with one encoder and adaptation, as its protocol's own file says.

    `decisions` are those of the whole experiment, as the view `protocols` would show them.
    """

    experiment: str
    factors: Mapping[str, str]
    folds: int
    settings: Mapping[str, Any]
    decisions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Intention:
    """All that is known of the protocols at the paper's scale.

    `governs` maps a decision to the settings that its options set, named as conditions are.
    """

    runs: tuple[IntendedRun, ...] = ()
    governs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, experiment: str, encoder: str | None, adaptation: str) -> tuple[IntendedRun, ...]:
        """Return the runs of an experiment; `encoder` None: with every encoder."""
        return tuple(
            run
            for run in self.runs
            if run.experiment == experiment
            and run.factors["adaptation"] == adaptation
            and encoder in (None, run.factors["encoder"])
        )


def read_intention(
    held: Mapping[str, Sequence[str]],
    load: Callable[[str], LoadedProtocol],
    expand: Callable[[LoadedProtocol], Sequence[Cell]],
) -> Intention:
    """Return what the protocols at the paper's scale say of the experiments in `held`.

    `held` maps an experiment to the protocols that were run. It is held to the first of them
    whose own file is of the paper's scale, else to the one that is called after it (exp-3:
    exp-03). What cannot be loaded says nothing.
    """
    documents: dict[str, tuple[LoadedProtocol, Sequence[Cell]] | None] = {}

    def read(name: str) -> tuple[LoadedProtocol, Sequence[Cell]] | None:
        if name not in documents:
            documents[name] = None
            with suppress(BenchError):
                loaded = load(name)
                if loaded.protocol.scale == PAPER_SCALE:
                    documents[name] = loaded, expand(loaded)
        return documents[name]

    runs: list[IntendedRun] = []
    governs: dict[str, tuple[str, ...]] = {}
    for experiment, protocols in held.items():
        for name in (*protocols, called_after(experiment)):
            found = read(name)
            cells = [cell for cell in found[1] if cell.experiment == experiment] if found else []
            if found and cells:
                runs += _runs(experiment, cells)
                ledger = found[0].ledger
                governs |= {entry: set_by(ledger, entry) for entry in ledger.entries}
                break
    return Intention(tuple(runs), governs)


def ways(text: str) -> dict[str, tuple[str, ...]]:
    """Return the options in a decision's text, each with the settings that are not as it says."""
    found = {}
    for way in text.split(EITHER):
        option, _, changed = way.partition(CHANGED)
        found[option] = tuple(changed.split(", ")) if changed else ()
    return found


def within(name: str, setting: str) -> bool:
    """Whether a condition is a setting, a part of it, or what it is a part of."""
    return name == setting or name.startswith(f"{setting}.") or setting.startswith(f"{name}.")


def settings_of(conditions: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the conditions that say what an experiment is: no axes, nothing of the machine."""
    shared = row_conditions(conditions or {})
    return {n: value for n, value in shared.items() if n not in MACHINE and value != {}}


def _runs(experiment: str, cells: Sequence[Cell]) -> Iterator[IntendedRun]:
    taken: dict[str, dict[str, None]] = defaultdict(dict)
    alike: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        for entry, text in cell.decisions.items():
            taken[entry][text] = None
        alike[cell.names["encoder"], cell.names["adaptation"]].append(cell)
    decisions = {entry: EITHER.join(texts) for entry, texts in taken.items()}
    for members in alike.values():
        yield IntendedRun(
            experiment=experiment,
            factors=members[0].names,
            folds=len({cell.axes.fold for cell in members}),
            settings=settings_of(flatten(_plain(members[0].conditions))),
            decisions=decisions,
        )


def _plain(value: Any) -> Any:
    """Return `value` as it comes back from JSON: tuples are lists."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
