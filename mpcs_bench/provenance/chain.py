"""The whole chain behind one cell: protocol, stages, data, code, environment, command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mpcs_bench.errors import StoreError
from mpcs_bench.provenance.commands import command_here, command_unrecorded, only_of
from mpcs_bench.provenance.data_facts import DataReader
from mpcs_bench.provenance.origin import Origin, origin_of
from mpcs_bench.provenance.stage_facts import StageFacts, stage_facts
from mpcs_bench.records import PlannedCell, PlanRecord, read_plans, read_result
from mpcs_bench.records.files import MANIFEST
from mpcs_bench.registry.registry import Registry

VARIED = "Changed from the protocol's file: "
"""How the notes of a plan begin that say what overlays and `--set` did."""


@dataclass(frozen=True, slots=True)
class ProtocolFacts:
    """A protocol that a stage belongs to, and the command that repeats it alone.

    `recorded`: the files and options behind its plan are known; then `files` maps them to their
    SHA-256. `decisions` maps an entry of the ledger to its question and to how the experiment
    decided it. `command` runs in `folder`.
    """

    protocol: str
    title: str
    experiment: str
    label: str
    scale: str
    planned: str
    recorded: bool
    reference: str
    folder: str | None
    files: Mapping[str, str]
    variation: str
    decisions: Mapping[str, Mapping[str, str]]
    conditions: Mapping[str, Any]
    command: tuple[str, ...]
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """Where a result comes from; `stages` stand downstream first, and are those with a result."""

    key: str
    symbolic: str
    axes: Mapping[str, Any]
    protocols: tuple[ProtocolFacts, ...]
    stages: tuple[StageFacts, ...]
    missing: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {"format": 1, **asdict(self)}


class ChainReader:
    """Follows results of one workspace back to where they come from."""

    def __init__(self, workspace: Path, registry: Registry) -> None:
        self._results = workspace / "results"
        self._plans = read_plans(workspace)
        self._origins = {plan.protocol: origin_of(workspace, plan) for plan in self._plans}
        self._data = DataReader(workspace / "cache", registry)

    def chain(self, key: str) -> Chain:
        """Return the chain of the stage `key`, a cell's own or one that cells share.

        Raises StoreError where it has no result, or that is damaged.
        """
        path = self._results / key
        if not (path / MANIFEST).is_file():
            raise StoreError(
                f"There is no result {key[:12]} yet.", hint="Run its protocol: then it has one."
            )
        own = read_result(path)
        members = self._members(key)
        axes = dict(own.spec.axes or {})
        seeds = [cell.axes.get("split_seed") for _, cell in members]
        split_seed = axes.get("split_seed", seeds[0] if seeds else None)
        stages, missing = [stage_facts(own, self._data, split_seed)], []
        while (upstream := stages[-1].upstream) is not None:
            place = self._results / upstream
            if not (place / MANIFEST).is_file():
                missing.append(f"The result {upstream} that it stands on is gone.")
                break
            stages.append(stage_facts(read_result(place), self._data, split_seed))
        return Chain(
            key=key,
            symbolic=own.spec.symbolic,
            axes=axes,
            protocols=tuple(self._protocol(plan, cell) for plan, cell in members),
            stages=tuple(stages),
            missing=tuple(missing),
        )

    def _members(self, key: str) -> list[tuple[PlanRecord, PlannedCell]]:
        """Return the cells that are this stage, or else the first of each protocol on it."""
        own = [(plan, cell) for plan in self._plans for cell in plan.cells if cell.key == key]
        if own:
            return own
        found = []
        for plan in self._plans:
            cells = [cell for cell in plan.cells if key in cell.stages]
            found += [(plan, cells[0])] if cells else []
        return found

    def _protocol(self, plan: PlanRecord, cell: PlannedCell) -> ProtocolFacts:
        origin = self._origins[plan.protocol]
        only = only_of(plan, cell)
        return ProtocolFacts(
            protocol=plan.protocol,
            title=plan.title,
            experiment=cell.experiment,
            label=cell.label,
            scale=plan.scale,
            planned=plan.planned_at,
            recorded=origin is not None,
            reference=origin.reference if origin else plan.protocol,
            folder=origin.folder if origin else None,
            files={file.place: file.sha256 for file in origin.files} if origin else {},
            variation=variation(plan, origin),
            decisions={
                entry: {"question": item["question"], "taken": item["taken"][cell.experiment]}
                for entry, item in plan.decisions.items()
                if cell.experiment in item["taken"]
            },
            conditions=dict(cell.conditions),
            command=tuple(command_here(origin, only) if origin else command_unrecorded(plan, only)),
            lacking=origin.lacking if origin else (),
        )


def variation(plan: PlanRecord, origin: Origin | None) -> str:
    """Return how a plan differs from what its protocol's file says; '' where it does not."""
    if origin is not None:
        parts = [f"--overlay {name}" for name in origin.overlays]
        return ", ".join([*parts, *(f"--set {text}" for text in origin.assignments)])
    noted = [note for note in plan.notes if note.startswith(VARIED)]
    return noted[0].removeprefix(VARIED) if noted else ""
