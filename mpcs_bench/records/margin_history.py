"""Carries the history of a protocol's margin from the plan on disk to the one that replaces it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mpcs_bench.errors import StoreError
from mpcs_bench.records.json_file import read_json
from mpcs_bench.records.margins import (
    DEFAULT_MARGIN,
    PlannedMargin,
    history_from,
    lengthened,
    margin_in_force,
)
from mpcs_bench.records.plan import FOLDER, PLAN_FORMAT, PlanRecord

RESULTS = "results"


def with_margins(workspace: Path, plan: PlanRecord) -> PlanRecord:
    """Return `plan` with the margins that its protocol had so far, and its own after them.

    To be asked before the plan is written over the earlier one. Where that is not there and some
    of its cells are finished, they were planned elsewhere: the margin of those plans comes first.
    A file that cannot be read is none; what it fixed is lost, and the margin counts as set later.
    """
    document = _document(workspace / FOLDER / f"{plan.protocol}.json")
    history = _recorded(document)
    if history and history[-1].value == plan.margin and history[-1].results_then:
        return replace(plan, margins=history)
    earlier = _keys(document)
    planned = {cell.key for cell in plan.cells if cell.key is not None}
    finished = (earlier | planned) & _results(workspace)
    if not history and finished:
        history = _undated(document, len(finished & earlier))
        history = history or _elsewhere(workspace, plan.protocol, finished)
    margins = lengthened(history, plan.margin, plan.planned_at, len(finished))
    return replace(plan, margins=margins)


def _results(workspace: Path) -> set[str]:
    try:
        return {path.name for path in (workspace / RESULTS).iterdir()}
    except FileNotFoundError:
        return set()


def _document(path: Path) -> Mapping[str, Any]:
    with suppress(StoreError):
        return read_json(path, newest=PLAN_FORMAT)
    return {}


def _keys(document: Mapping[str, Any]) -> set[str]:
    with suppress(KeyError, TypeError):
        return {cell["key"] for cell in document.get("cells", ()) if cell["key"] is not None}
    return set()


def _recorded(document: Mapping[str, Any]) -> tuple[PlannedMargin, ...]:
    with suppress(KeyError, TypeError, ValueError):
        return history_from(document)
    return ()


def _undated(document: Mapping[str, Any], finished: int) -> tuple[PlannedMargin, ...]:
    """Return what a plan says that was made before plans kept a history; none without results."""
    with suppress(KeyError, TypeError, ValueError):
        if finished:
            value = float(document.get("margin", DEFAULT_MARGIN))
            return (PlannedMargin(value, str(document["planned_at"]), finished),)
    return ()


def _elsewhere(workspace: Path, protocol: str, finished: set[str]) -> tuple[PlannedMargin, ...]:
    """Return the smallest margin that other plans fixed for these results; none if one has none."""
    found: list[PlannedMargin] = []
    left = set(finished)
    for path in sorted((workspace / FOLDER).glob("[!.]*.json")):
        document = _document(path)
        shared, history = finished & _keys(document), _recorded(document)
        if path.stem == protocol or not shared or not history or history[0].results_then:
            continue
        left -= shared
        value = margin_in_force(history[-1].value, history).value
        found.append(PlannedMargin(value, history[0].since, 0))
    return (min(found, key=lambda one: one.value),) if found and not left else ()
