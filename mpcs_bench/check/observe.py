"""From a finished run to an observation: what a baseline stores, and what is held to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from mpcs_bench.check.baseline import (
    Better,
    Observation,
    Provenance,
    Reference,
    Series,
    StageRecord,
)
from mpcs_bench.check.digests import result_digest
from mpcs_bench.check.names import PLACES, SEEDS, without
from mpcs_bench.check.pairs_drawn import pairs_drawn
from mpcs_bench.check.settings import plain, settings_of, versions_of, written
from mpcs_bench.data.leakage import describe
from mpcs_bench.engine.plan import Plan, PlannedStage
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.protocol.canonical import digest
from mpcs_bench.records import Result, read_result
from mpcs_bench.registry.registry import Registry

LOSSES = ("contrastive_loss", "training_loss")
LOWER_IS_BETTER = ("loss", "brier", "ece")


def observe(
    plan: Plan,
    workspace: Workspace,
    registry: Registry,
    *,
    reference: Reference,
    peaks: Mapping[str, int],
) -> Observation:
    """Return what the run of `plan`, one protocol, was; `peaks` are bytes of RAM by stage key.

    Only stages that have a result count. Raises BenchError where one cannot be read.
    """
    found = {
        stage.key: read_result(workspace.results / stage.key)
        for stage in plan.stages
        if stage.key is not None and (workspace.results / stage.key / "manifest.json").is_file()
    }
    stages = [stage for stage in plan.stages if stage.key in found]
    names = _names(stages)
    settings: dict[str, dict[str, Any]] = {}
    records = {}
    for stage in stages:
        assert stage.key is not None and stage.job is not None
        resolved = plain(settings_of(stage.job.hashed))
        settings.setdefault(digest(resolved)[:12], resolved)
        result = found[stage.key]
        records[names[stage.key]] = StageRecord(
            kind=stage.spec.kind,
            key=stage.key,
            versions=versions_of(stage.job.hashed),
            settings=digest(resolved)[:12],
            weights=str(stage.job.hashed["weights"]),
            digest=result_digest(result),
            seconds=float(result.manifest.timings["seconds"]),
            cpu_seconds=result.manifest.timings.get("cpu_seconds"),
            peak_bytes=int(peaks.get(stage.key, 0)),
            upstream=names.get(stage.job.upstream_key or ""),
        )
    environment = next((dict(result.manifest.environment) for result in found.values()), {})
    return Observation(
        protocol=plan.protocols[0].protocol.name,
        written=written(plan.protocols[0]),
        provenance=Provenance(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            environment=plain(environment),
        ),
        reference=reference,
        settings=settings,
        fingerprints=dict(sorted(plan.samples)),
        splits=_splits(stages),
        findings=tuple(sorted({describe(finding) for finding in plan.findings})),
        pairs=_pairs(stages, workspace, registry),
        stages=records,
        series=_series(plan, found),
    )


def better(metric: str) -> Better:
    """Return which way a metric is better: what measures errors may not move at all."""
    return "either" if metric.endswith(LOWER_IS_BETTER) else "higher"


def _names(stages: list[PlannedStage]) -> dict[str, str]:
    """Return the readable id of each key; where two stages share one, their keys tell."""
    used = Counter(stage.spec.symbolic for stage in stages)
    found = {}
    for stage in stages:
        assert stage.key is not None and stage.job is not None
        name = stage.spec.symbolic
        if used[name] > 1:
            name += f" [{digest(plain(settings_of(stage.job.hashed)))[:12]}]"
        found[stage.key] = name
    return found


def _splits(stages: list[PlannedStage]) -> dict[str, str]:
    found = {}
    for stage in stages:
        assert stage.job is not None
        need = stage.spec.data
        found[f"{need.name}, split seed {need.split_seed}"] = stage.job.split_hash
    return dict(sorted(found.items()))


def _pairs(
    stages: list[PlannedStage], workspace: Workspace, registry: Registry
) -> dict[str, dict[str, int]]:
    """Seeds share their pairs here: one draw for each strategy, set of tissue and fold."""
    found: dict[str, dict[str, int]] = {}
    for stage in stages:
        name = without(stage.spec.symbolic, SEEDS)
        if stage.spec.kind == "pretrain" and name not in found:
            assert stage.job is not None
            found[name] = pairs_drawn(stage.job, workspace, registry)
    return found


def _series(plan: Plan, found: Mapping[str, Result]) -> tuple[Series, ...]:
    values: dict[tuple[str, str, Better], dict[str, dict[str, list[float]]]] = {}
    for subject, cell, what, better, value in _values(plan, found):
        sample = values.setdefault((subject, what, better), {})
        sample.setdefault(cell[0], {}).setdefault(cell[1], []).append(value)
    return tuple(
        Series(
            subject=subject,
            what=what,
            better=better,
            values={
                block: {
                    # Replicates are the same again: they are averaged, as everywhere.
                    seed: sum(repeats) / len(repeats)
                    for seed, repeats in sorted(by_seed.items())
                }
                for block, by_seed in sorted(sample.items())
            },
        )
        for (subject, what, better), sample in sorted(values.items())
    )


def _values(
    plan: Plan, found: Mapping[str, Result]
) -> Iterator[tuple[str, tuple[str, str], str, Better, float]]:
    """Yield subject, (block, seed), what, which way is better, and the value."""
    done = set()
    for item in plan.cells:
        if item.key not in found:
            continue
        assert item.key is not None
        axes, result = item.cell.axes, found[item.key]
        subject = f"{item.cell.experiment}: {without(item.cell.symbolic, PLACES)}"
        cell = (f"split seed {axes.split_seed}, fold {axes.fold}", f"seed {axes.seed}")
        for row in result.metrics().to_pylist():
            if row["value"] == row["value"]:  # a metric that is not defined here is NaN
                at = f", tested at {row['test_magnification']}X" * bool(row["test_magnification"])
                what = f"{row['metric']} ({row['part']}{at})"
                yield subject, cell, what, better(row["metric"]), row["value"]
        yield from ((subject, cell, *last) for last in _last_losses(result))
        for upstream in item.stages:
            if upstream in found and upstream not in done:
                done.add(upstream)
                before = found[upstream]
                shared = without(before.spec.symbolic, PLACES)
                yield from ((shared, cell, *last) for last in _last_losses(before))


def _last_losses(result: Result) -> Iterator[tuple[str, Better, float]]:
    rows = result.history().to_pylist()
    for name in LOSSES:
        curve = [(row["epoch"], row["value"]) for row in rows if row["name"] == name]
        if curve:
            yield f"last {name}", "either", max(curve)[1]
