"""The command that repeats a cell, where it was run or from a copy of its protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mpcs_bench.provenance.origin import Origin
from mpcs_bench.records import PlannedCell, PlanRecord

PROGRAM = "mpcs-bench"
REPEATED = "repeated"
"""Another workspace than the one with the result: there nothing would be computed."""


def command_here(origin: Origin, only: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the command that repeats a plan's cells `only` in the folder where it was made."""
    words = [origin.reference, *_repeated("--overlay", origin.overlays)]
    words += _repeated("--set", origin.assignments)
    words += _repeated("--data", (f"{name}={root}" for name, root in origin.data_roots.items()))
    words += _repeated("--plugin", origin.plugins)
    words += ["--trust"] if origin.trust else []
    return [PROGRAM, "run", *words, *_only(only), *_on(origin.device)]


def command_of_copy(origin: Origin, folder: str, only: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the command that repeats a plan's cells `only` from a copy of its files in `folder`.

    Data sets that are not drawn have `FOLDER` where their root belongs, unless the protocol
    itself names it.
    """
    words = [f"{folder}/{origin.file}", *_repeated("--overlay", origin.overlay_names)]
    words += _repeated("--set", (*origin.assignments, *_rewritten(origin, folder)))
    words += _repeated("--data", (f"{name}=FOLDER" for name in origin.data_roots))
    words += _repeated("--plugin", (f"{folder}/{place}" for place in origin.plugin_files))
    return [PROGRAM, "run", *words, *_only(only), *_on(origin.device)]


def command_unrecorded(plan: PlanRecord, only: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what is known of the command where only the plan is left: how it varied is not."""
    return [PROGRAM, "run", plan.protocol, *_only(only), "--workspace", REPEATED]


def only_of(plan: PlanRecord, cell: PlannedCell) -> dict[str, tuple[str, ...]]:
    """Return what `--only` must say to keep `cell` alone of all cells of its plan.

    Axes come in order, the experiment first, and no more of them than it takes.
    """
    chosen: dict[str, tuple[str, ...]] = {"experiment": (cell.experiment,)}
    left = [other for other in plan.cells if other.experiment == cell.experiment]
    for axis, value in cell.axes.items():
        if len(left) == 1:
            break
        kept = [other for other in left if other.axes.get(axis) == value]
        if len(kept) < len(left):
            chosen[axis] = (str(value),)
            left = kept
    return chosen


def _rewritten(origin: Origin, folder: str) -> Iterator[str]:
    """Yield the settings that lead to copies: paths in a copied file would lead beside it."""
    if origin.own_plugins:
        yield "plugins=[]"
    for use in origin.data:
        if use.split_file is not None:
            yield f"datasets.{use.name}.split.file={folder}/{use.split_file}"


def _repeated(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _only(only: Mapping[str, Sequence[str]]) -> list[str]:
    items = [f"{axis}={value}" for axis, values in only.items() for value in values]
    return ["--only", ",".join(items)] if items else []


def _on(device: str) -> list[str]:
    return ["--device", device, "--workspace", REPEATED]
