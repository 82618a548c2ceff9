"""Every stage that a workspace knows of: by its result, its state, or a plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpcs_bench.errors import StoreError
from mpcs_bench.records import PlanRecord, StageState, list_results, read_plans, read_states
from mpcs_bench.records.files import SPEC
from mpcs_bench.records.json_file import read_json


@dataclass(frozen=True, slots=True)
class KnownStage:
    """A stage and where it stands.

    `kind` is None where no result tells it; `spec` is what its key is the digest of, None where
    it has no result or that cannot be read; `state` is the one of its state file.
    """

    key: str
    symbolic: str
    kind: str | None
    spec: Mapping[str, Any] | None
    has_result: bool
    state: StageState | None
    protocols: frozenset[str]

    @property
    def upstream(self) -> str | None:
        """The key of the stage that it stands on, as far as its result tells."""
        return None if self.spec is None else self.spec.get("upstream")


@dataclass(frozen=True, slots=True)
class Known:
    """The stages of a workspace by key, and its plans."""

    stages: Mapping[str, KnownStage]
    plans: tuple[PlanRecord, ...]

    @classmethod
    def read(cls, workspace: Path) -> Known:
        """Read the files of a workspace; raises StoreError for a damaged plan or state file.

        Nothing is guessed from them: what they name might be needed.
        """
        plans, states = tuple(read_plans(workspace)), read_states(workspace)
        results = set(list_results(workspace / "results"))
        planned = _planned(plans)
        stages = {}
        for key in sorted({*results, *states, *planned}):
            document = _document(workspace / "results" / key) if key in results else None
            plan, state = planned.get(key, NOWHERE), states.get(key)
            symbolic = plan.symbolic or (state.symbolic if state else key)
            stages[key] = KnownStage(
                key=key,
                symbolic=document["symbolic"] if document else symbolic,
                kind=document["kind"] if document else plan.kind,
                spec=document["spec"] if document else None,
                has_result=key in results,
                state=state,
                protocols=frozenset(plan.protocols),
            )
        return cls(stages, plans)

    def downstream(self, keys: Iterable[str]) -> set[str]:
        """Return the stages that stand on any of `keys`, directly or not, by result or by plan."""
        standing: dict[str, set[str]] = {}
        for stage in self.stages.values():
            if stage.upstream is not None:
                standing.setdefault(stage.upstream, set()).add(stage.key)
        for plan in self.plans:
            for cell in plan.cells:
                for upstream in cell.stages if cell.key is not None else ():
                    standing.setdefault(upstream, set()).add(str(cell.key))
        found: set[str] = set()
        todo = list(keys)
        while todo:
            new = standing.get(todo.pop(), set()) - found
            found |= new
            todo += new
        return found

    def upstream_first(self, keys: Iterable[str]) -> list[str]:
        """Return `keys` so that none stands before one that it stands on."""
        wanted = set(keys)
        ordered: dict[str, None] = {}
        for key in sorted(wanted):
            chain = list(self._chain(key))
            ordered.update(dict.fromkeys(item for item in reversed(chain) if item in wanted))
        return list(ordered)

    def _chain(self, key: str) -> Iterator[str]:
        seen: set[str] = set()
        current: str | None = key
        while current is not None and current not in seen:
            seen.add(current)
            yield current
            stage = self.stages.get(current)
            current = stage.upstream if stage is not None else None


@dataclass(slots=True)
class _Planned:
    """What plans say of a stage; of one that cells share they do not say its readable id."""

    symbolic: str = ""
    kind: str | None = None
    protocols: set[str] = field(default_factory=set)


NOWHERE = _Planned()


def _planned(plans: Iterable[PlanRecord]) -> dict[str, _Planned]:
    found: dict[str, _Planned] = {}
    for plan in plans:
        for cell in plan.cells:
            if cell.key is not None:
                own = found.setdefault(cell.key, _Planned())
                own.symbolic, own.kind = cell.symbolic, cell.axes.get("adaptation")
                own.protocols.add(plan.protocol)
            for key in cell.stages:
                shared = found.setdefault(key, _Planned(kind="pretrain"))
                shared.protocols.add(plan.protocol)
    return found


def _document(folder: Path) -> dict[str, Any] | None:
    """Return a result's specification, None where it is damaged: others can still be told."""
    try:
        document = read_json(folder / SPEC)
    except StoreError:
        return None
    return document if {"symbolic", "kind", "spec"} <= document.keys() else None
