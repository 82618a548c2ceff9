"""Exports a protocol with its results as an RO-Crate: evidence that stands without us."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import StoreError, did_you_mean
from mpcs_bench.provenance.chain import variation
from mpcs_bench.provenance.commands import command_of_copy, command_unrecorded
from mpcs_bench.provenance.crate_content import Content, Entry, fill
from mpcs_bench.provenance.crate_environment import environments, write_environment
from mpcs_bench.provenance.crate_graph import About, Graph
from mpcs_bench.provenance.data_facts import DataReader
from mpcs_bench.provenance.origin import Origin, origin_of
from mpcs_bench.provenance.publishing import appearing, refuse_standing
from mpcs_bench.provenance.templates import rendered
from mpcs_bench.records import PlanRecord, read_plans
from mpcs_bench.registry.registry import Registry

NO_LICENCE = "Not stated for the results; those of the data sets stand with these."
README = "README.md"
PROTOCOL = "protocol"


@dataclass(frozen=True, slots=True)
class ExportedCrate:
    """A written crate; `notes` say what it lacks, `command` repeats its protocol from it."""

    path: Path
    stages: int
    files: int
    command: str
    notes: tuple[str, ...]


def export_crate(
    workspace: Workspace,
    protocol: str,
    output: Path,
    *,
    registry: Registry,
    author: str | None = None,
    licence: str | None = None,
    weights: bool = False,
    force: bool = False,
) -> ExportedCrate:
    """Write the RO-Crate of a protocol to `output`, a folder, or an archive where it ends in .zip.

    The same workspace gives the same bytes. `author` ran it; `licence` is that of the results;
    `weights` includes trained weights. Raises BenchError where `output` stands (with `force`:
    where it is no crate), StoreError where the workspace has no such protocol, no result of it,
    or a damaged one.
    """
    workspace.require()
    plan = _plan(workspace, protocol)
    refuse_standing(output, force=force)
    origin = origin_of(workspace.root, plan)
    reader = DataReader(workspace.cache, registry)
    with appearing(output.absolute()) as folder:
        content = fill(folder, workspace, plan, origin, reader, weights=weights)
        used = environments(content.stages)
        for item in used:
            content.files += write_environment(folder, item)
        content.notes[:] = dict.fromkeys([*content.notes, *_lacking(origin)])
        words = _words(plan, origin, content, weights=weights, environments=len(used))
        (folder / README).write_text(rendered("crate-readme.md.j2", words), encoding="utf-8")
        content.files.append(Entry(README, "what this is, and how to repeat it"))
        about = About(
            name=plan.title,
            description=f"Results of the protocol '{plan.protocol}' of mpcs-bench: "
            f"{len(plan.cells)} cells on {len(content.stages)} stages, scale '{plan.scale}'.",
            licence=licence or NO_LICENCE,
            published=max(facts.finished for facts in content.stages),
            author=author,
        )
        graph = Graph(folder, about, f"{PROTOCOL}/{origin.file}" if origin else None)
        graph.add(content, used)
        graph.write()
        files = sum(path.is_file() for path in folder.rglob("*"))
    return ExportedCrate(
        output, len(content.stages), files, str(words["command"]), tuple(content.notes)
    )


def _plan(workspace: Workspace, protocol: str) -> PlanRecord:
    plans = {plan.protocol: plan for plan in read_plans(workspace.root)}
    if protocol not in plans:
        raise StoreError(
            f"The workspace holds no protocol '{protocol}'.{did_you_mean(protocol, list(plans))}",
            hint=f"It holds: {', '.join(plans) or 'none'}.",
        )
    return plans[protocol]


def _lacking(origin: Origin | None) -> tuple[str, ...]:
    if origin is not None:
        return origin.lacking
    return (
        "The files of the protocol were not recorded with this plan. Run it again as before, "
        "then export: nothing is computed anew.",
    )


def _words(
    plan: PlanRecord, origin: Origin | None, content: Content, *, weights: bool, environments: int
) -> dict[str, Any]:
    datasets = {facts.data.fingerprint: facts.data for facts in content.stages}
    command = command_of_copy(origin, PROTOCOL, {}) if origin else command_unrecorded(plan, {})
    return {
        "title": plan.title,
        "protocol": plan.protocol,
        "cells": len(plan.cells),
        "stages": len(content.stages),
        "notes": content.notes,
        "origin": origin,
        "variation": variation(plan, origin),
        "report": any(entry.path.startswith("report/") for entry in content.files),
        "weights": weights,
        "datasets": list(datasets.values()),
        "environments": environments,
        "command": shlex.join(command),
        "folders": origin is not None and bool(origin.data_roots),
        "roots": sorted({use.name for use in origin.data if not use.generated}) if origin else [],
        "weight_files": {
            facts.symbolic: facts.weights
            for facts in content.stages
            if facts.upstream is None and len(facts.weights) == 64
        },
    }
