"""Making a plan: keys from what the data, the weights and the machine say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mpcs_bench.engine.binding import Binder, Blocked
from mpcs_bench.engine.inspection import Inspector
from mpcs_bench.engine.plan import Plan, PlanCell, PlannedStage
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import BenchError, DataError
from mpcs_bench.protocol.canonical import canonical_json, digest
from mpcs_bench.protocol.cells import Cell, StageSpec
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.records import StageState, check_result, list_results, read_states
from mpcs_bench.registry.registry import Registry
from mpcs_bench.stages.job import STAGE_VERSIONS, StageJob

WEIGHTS = "weights.safetensors"
TABLES = frozenset({"spec.json", "metrics.parquet", "history.parquet", "predictions.parquet"})


class Planner:
    """Turns cells into a plan for one workspace and device."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        registry: Registry,
        binder: Binder,
        device: str,
        plugin_files: Sequence[str] = (),
    ) -> None:
        self._workspace, self._binder = workspace, binder
        self._device = device
        self._plugin_files = tuple(plugin_files)
        self._stages: dict[str, PlannedStage] = {}
        self._inspector = Inspector(binder, registry)
        self._done = set(list_results(workspace.results))
        self._states = read_states(workspace.root)
        self._earlier: dict[str, dict[str, Any]] | None = None

    def plan(
        self,
        protocols: Sequence[LoadedProtocol],
        cells: Sequence[Cell],
        chosen: Sequence[Cell] | None = None,
        variation: str = "",
    ) -> Plan:
        """Return the plan of `cells`, of which only the `chosen` ones (None: all) are to run.

        `variation` says how the protocols were changed from what their files say.
        The others stay members of their protocol: a partial run must not make its table another.
        Raises DataError, SplitError or PluginError for what is there and cannot be used.
        """
        wanted = cells if chosen is None else chosen
        planned = {id(cell): self._said_of(cell) for cell in wanted}
        stages = tuple(self._unique_stages())
        others = {id(cell): self._other(cell) for cell in cells if id(cell) not in planned}
        everything = planned | others
        return Plan(
            protocols=tuple(protocols),
            cells=tuple(planned.values()),
            members=tuple(everything[id(cell)] for cell in cells),
            stages=stages,
            audited=self._inspector.findings,
            noticed=self._inspector.notices,
            samples=self._inspector.samples,
            device=self._device,
            variation=variation,
        )

    def _said_of(self, cell: Cell) -> PlanCell:
        """Return a cell; an error in its data says whose they are."""
        try:
            return self._cell(cell)
        except DataError as error:
            where = f"{cell.protocol}, data set '{cell.stage.data.name}': {error.message}"
            raise DataError(where, hint=error.hint, location=error.location) from error

    def _other(self, cell: Cell) -> PlanCell:
        """Return a cell that will not run now; what keeps it from running is not this run's."""
        try:
            return self._cell(cell)
        except BenchError:
            return PlanCell(cell, None, "blocked", dict(cell.conditions))

    def _unique_stages(self) -> Iterable[PlannedStage]:
        """Two symbols may turn out to be one key (one data set under two names)."""
        seen: set[str] = set()
        for stage in self._stages.values():
            if stage.key is None or stage.key not in seen:
                seen.add(stage.key or "")
                yield stage

    def _cell(self, cell: Cell) -> PlanCell:
        stage = self._stage(cell.stage, cell)
        bound = self._binder.data(cell.stage.data)
        conditions = dict(cell.conditions)
        axes = cell.axes
        conditions |= {
            "dataset.split.seed": axes.split_seed,
            "device": self._device.partition(":")[0],
        }
        if isinstance(bound, Blocked):
            return PlanCell(cell, None, stage.status, conditions)
        rows = self._inspector.task_rows(cell.stage, bound)
        groups = bound.index.groups(bound.group_column)
        conditions |= {
            "groups_train": len(np.unique(groups[rows.train])),
            "groups_test": len(np.unique(groups[rows.test])),
        }
        if stage.job is not None and cell.stage.kind != "colour-floor":
            first = self._stages[cell.stage.upstream.symbol] if cell.stage.upstream else stage
            if first.job is not None and first.job.weights_file is not None:
                conditions["weights.digest"] = first.job.hashed["weights"]
        upstream = self._stages[cell.stage.upstream.symbol].key if cell.stage.upstream else None
        return PlanCell(
            cell=cell,
            key=stage.key,
            status=stage.status,
            conditions=conditions,
            fingerprint=bound.index.fingerprint,
            split_hash=bound.split.hash,
            stages=(upstream,) if upstream else (),
        )

    def _stage(self, spec: StageSpec, cell: Cell | None = None) -> PlannedStage:
        known = self._stages.get(spec.symbol)
        if known is not None:
            return known
        upstream = self._stage(spec.upstream) if spec.upstream is not None else None
        planned = self._resolve(spec, upstream, cell)
        self._stages[spec.symbol] = planned
        return planned

    def _resolve(
        self, spec: StageSpec, upstream: PlannedStage | None, cell: Cell | None
    ) -> PlannedStage:
        bound = self._binder.data(spec.data)
        weights = self._binder.weights(spec.weights, spec.spec.get("encoder"))
        if isinstance(bound, Blocked):
            return PlannedStage(spec, "blocked", f"{bound.reason} {bound.hint}")
        # A split that leaks is said before a weight file that is missing.
        self._inspector.inspect(spec, bound)
        if upstream is not None and upstream.status == "blocked":
            return PlannedStage(spec, "blocked", upstream.reason)
        if isinstance(weights, Blocked):
            return PlannedStage(spec, "blocked", f"{weights.reason} {weights.hint}")
        hashed = {
            "kind": spec.kind,
            "stage_version": STAGE_VERSIONS[spec.kind],
            "spec": spec.spec,
            "data": {
                "plugin": {k: v for k, v in spec.data.plugin.items() if k != "params"},
                "fingerprint": bound.index.fingerprint,
                "split": bound.split.fold_hash(spec.spec["fold"]),
                "group": bound.group_column,
                "image_size": bound.image_size,
            },
            "weights": weights.digest or spec.weights.source,
            "upstream": upstream.key if upstream else None,
        }
        if spec.kind != "colour-floor":
            hashed["device"] = self._device.partition(":")[0]
        hashed = json.loads(canonical_json(hashed))  # as `spec.json` will hold it
        key = digest(hashed)
        job = StageJob(
            key=key,
            kind=spec.kind,
            symbolic=spec.symbolic,
            spec=spec.spec,
            fingerprint=bound.index.fingerprint,
            split_hash=bound.split.hash,
            image_size=bound.image_size,
            group_column=bound.group_column,
            workspace=str(self._workspace.root.resolve()),
            device=self._device,
            weights_file=weights.file,
            upstream_key=upstream.key if upstream else None,
            keep_weights=spec.keep_weights,
            attention_images=spec.attention_images,
            plugin_files=self._plugin_files,
            hashed=hashed,
            axes=_axes(cell) if cell is not None else None,
        )
        damage = self._damage(key) if key in self._done else None
        if damage is not None:
            return PlannedStage(spec, "run", f"its result is damaged: {damage}", key, job)
        if key in self._done:
            self._say_if_weights_are_gone(spec, key)
            return PlannedStage(spec, "done", "done", key, job)
        return PlannedStage(spec, "run", self._reason(spec, key, hashed), key, job)

    def _damage(self, key: str) -> str | None:
        """Return what is wrong with a result on disk; weights, being large, are not read."""
        problems = check_result(self._workspace.results / key, only=TABLES)
        return "; ".join(problems) or None

    def _say_if_weights_are_gone(self, spec: StageSpec, key: str) -> None:
        """A result is never rewritten: weights that were not kept cannot be had from it."""
        if spec.keep_weights and not (self._workspace.results / key / WEIGHTS).is_file():
            self._inspector.say(
                spec.data.name,
                f"{spec.symbolic} was finished without keeping its weights, and is not run again. "
                "Use another --workspace to have them.",
            )

    def _reason(self, spec: StageSpec, key: str, hashed: Mapping[str, Any]) -> str:
        before = _what_happened(self._states.get(key))
        if before is not None:
            return before
        earlier = self._earlier_results().get(spec.symbolic)
        if earlier is None:
            return "new"
        for name, cause in (("stage_version", "code"), ("data", "data"), ("weights", "weights")):
            if earlier.get(name) != hashed[name]:
                return f"{cause} changed"
        changed = _changed(earlier.get("spec", {}), hashed["spec"])
        if changed:
            return f"params changed: {', '.join(changed)}"
        return "pre-training changed" if earlier.get("upstream") != hashed["upstream"] else "new"

    def _earlier_results(self) -> dict[str, dict[str, Any]]:
        """Return what the newest result of each readable id was made from."""
        if self._earlier is None:
            dated = []
            for key in self._done:
                path = self._workspace.results / key / "spec.json"
                try:
                    stored = json.loads(path.read_text(encoding="utf-8"))
                    dated.append((path.stat().st_mtime_ns, stored["symbolic"], stored["spec"]))
                except (OSError, ValueError, KeyError):
                    continue  # a damaged result explains nothing; `doctor` reports it
            dated.sort(key=lambda item: int(item[0]))
            self._earlier = {symbolic: made_from for _, symbolic, made_from in dated}
        return self._earlier


def _what_happened(state: StageState | None) -> str | None:
    """Say what became of a stage that has no result, where it was ever begun."""
    if state is None:
        return None
    return {
        "failed": f"failed before: {state.error}",
        "running": f"running now, in process {state.pid} on {state.host}",
        "interrupted": "interrupted before",
    }.get(state.state)


def _axes(cell: Cell) -> dict[str, Any]:
    axes = cell.axes
    return cell.names | {
        "train_magnification": axes.train_magnification,
        "label_fraction": axes.label_fraction,
        "fold": axes.fold,
        "split_seed": axes.split_seed,
        "seed": axes.seed,
        "replicate": axes.replicate,
    }


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the dotted names whose values differ."""
    names: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            names += _changed(old, new, f"{prefix}{name}.")
        elif old != new:
            names.append(f"{prefix}{name}")
    return names
