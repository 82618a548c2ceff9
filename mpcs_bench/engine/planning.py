"""Making a plan: keys from what the data, the weights and the machine say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mpcs_bench.engine.binding import Binder, Blocked, BoundData, BoundWeights
from mpcs_bench.engine.inspection import Inspector
from mpcs_bench.engine.past import Past
from mpcs_bench.engine.plan import Plan, PlanCell, PlannedStage
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import BenchError, DataError
from mpcs_bench.protocol.canonical import SharedParts, Written, written
from mpcs_bench.protocol.cells import Cell, DataNeed, StageSpec
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.records import StageState
from mpcs_bench.registry.registry import Registry
from mpcs_bench.stages.job import STAGE_VERSIONS, StageJob

WEIGHTS = "weights.safetensors"

NO_TF32 = (
    "TF32 is arithmetic of NVIDIA GPUs (compute capability 8 and above), and this plan has none. "
    "Use --device cuda, or --set precision=fp32 or precision=auto."
)


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
        self._place = str(workspace.root.resolve())
        self._device, self._device_kind = device, device.partition(":")[0]
        self._plugin_files = tuple(plugin_files)
        self._stages: dict[str, PlannedStage] = {}
        self._past = Past(workspace)
        # Stages by the thousand have these in common; keys are made of them.
        self._parts = SharedParts()
        self._data: dict[tuple[str, int], Written] = {}
        self._conditions: dict[tuple[object, ...], tuple[object, dict[str, Any]]] = {}
        self._inspector = Inspector(binder, registry, self._parts)

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
        self._past.remember()
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
        for sentence in cell.chosen:
            self._inspector.say(cell.stage.data.name, f"{sentence} ({self._device_kind}).")
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
        source = self._stages[cell.stage.upstream.symbol] if cell.stage.upstream else None
        bound = self._binder.data(cell.stage.data)
        if isinstance(bound, Blocked):
            return PlanCell(cell, None, stage.status, self._conditions_of(cell, ()))
        train, test = self._inspector.group_counts(cell.stage, bound)
        found: list[tuple[str, object]] = [("groups_train", train), ("groups_test", test)]
        first = source or stage
        if cell.stage.kind != "colour-floor" and stage.job is not None and first.job is not None:
            weights = first.job.hashed["weights"] if first.job.weights_file is not None else None
            found += [] if weights is None else [("weights.digest", weights)]
        return PlanCell(
            cell=cell,
            key=stage.key,
            status=stage.status,
            conditions=self._conditions_of(cell, tuple(found)),
            fingerprint=bound.index.fingerprint,
            split_hash=bound.split.hash,
            stages=(source.key,) if source is not None and source.key else (),
        )

    def _conditions_of(self, cell: Cell, found: tuple[tuple[str, object], ...]) -> dict[str, Any]:
        """Return a cell's conditions with those that only the data tell; alike cells share them."""
        point = id(cell.conditions), cell.axes.split_seed, found
        known = self._conditions.get(point)
        if known is None:
            more = {
                "dataset.split.seed": cell.axes.split_seed,
                "device": self._device_kind,
                **dict(found),
            }
            # What is known by its id is kept, so that nothing else can get that id.
            known = self._conditions[point] = cell.conditions, cell.conditions | more
        return known[1]

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
        lacking = self._lacking(spec, upstream, weights)
        if lacking is not None or isinstance(weights, Blocked):
            return PlannedStage(spec, "blocked", lacking or "")
        hashed = {
            "kind": spec.kind,
            "stage_version": STAGE_VERSIONS[spec.kind],
            "spec": self._parts.whole(spec.spec),
            "data": self._hashed_data(spec.data, bound, spec.spec["fold"]),
            "weights": weights.digest or spec.weights.source,
            "upstream": upstream.key if upstream else None,
        }
        if spec.kind != "colour-floor":
            hashed["device"] = self._device_kind
        made_from = self._parts.whole(hashed)  # as `spec.json` will hold it
        key = made_from.digest
        job = StageJob(
            key=key,
            kind=spec.kind,
            symbolic=spec.symbolic,
            spec=spec.spec,
            fingerprint=bound.index.fingerprint,
            split_hash=bound.split.hash,
            image_size=bound.image_size,
            group_column=bound.group_column,
            workspace=self._place,
            device=self._device,
            weights_file=weights.file,
            upstream_key=upstream.key if upstream else None,
            keep_weights=spec.keep_weights,
            attention_images=spec.attention_images,
            plugin_files=self._plugin_files,
            hashed=made_from.value,
            axes=_axes(cell) if cell is not None else None,
        )
        if not self._past.has_result(key):
            return PlannedStage(spec, "run", self._reason(spec, key, made_from.value), key, job)
        damage = self._past.damage(key)
        if damage is not None:
            return PlannedStage(spec, "run", f"its result is damaged: {damage}", key, job)
        self._say_if_weights_are_gone(spec, key)
        return PlannedStage(spec, "done", "done", key, job)

    def _lacking(
        self, spec: StageSpec, upstream: PlannedStage | None, weights: BoundWeights | Blocked
    ) -> str | None:
        """Return what a stage needs beside its data and this machine has not."""
        if upstream is not None and upstream.status == "blocked":
            return upstream.reason
        if isinstance(weights, Blocked):
            return f"{weights.reason} {weights.hint}"
        if spec.spec.get("precision") == "tf32" and self._device_kind != "cuda":
            return NO_TF32
        return None

    def _hashed_data(self, need: DataNeed, bound: BoundData, fold: int) -> Written:
        """Return what of a stage's data enters its key."""
        point = need.symbol, fold
        if point not in self._data:
            self._data[point] = written(
                {
                    "plugin": {k: v for k, v in need.plugin.items() if k != "params"},
                    "fingerprint": bound.index.fingerprint,
                    "split": bound.split.fold_hash(fold),
                    "group": bound.group_column,
                    "image_size": bound.image_size,
                }
            )
        return self._data[point]

    def _say_if_weights_are_gone(self, spec: StageSpec, key: str) -> None:
        """A result is never rewritten: weights that were not kept cannot be had from it."""
        if spec.keep_weights and not (self._workspace.results / key / WEIGHTS).is_file():
            self._inspector.say(
                spec.data.name,
                f"{spec.symbolic} was finished without keeping its weights, and is not run again. "
                "Use another --workspace to have them.",
            )

    def _reason(self, spec: StageSpec, key: str, hashed: Mapping[str, Any]) -> str:
        before = _what_happened(self._past.state(key))
        if before is not None:
            return before
        earlier = self._past.earlier(spec.symbolic)
        if earlier is None:
            return "new"
        for name, cause in (("stage_version", "code"), ("data", "data"), ("weights", "weights")):
            if earlier.get(name) != hashed[name]:
                return f"{cause} changed"
        changed = _changed(earlier.get("spec", {}), hashed["spec"])
        if changed:
            return f"params changed: {', '.join(changed)}"
        return "pre-training changed" if earlier.get("upstream") != hashed["upstream"] else "new"


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
