"""Durable states of stages: `states/<key>.json`, each written atomically."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal, get_args

from mpcs_bench.errors import StoreError
from mpcs_bench.records.atomic_write import atomic_write_text
from mpcs_bench.records.json_file import now, read_json, to_json
from mpcs_bench.records.process import host_name, is_alive, started_at
from mpcs_bench.records.spec import FORMAT, check_key

State = Literal["planned", "running", "done", "failed", "interrupted"]
FOLDER, SUFFIX = "states", ".json"
_HINT = "Remove this file: the stage counts as planned again, and no result is lost."


@dataclass(frozen=True, slots=True)
class StageState:
    """Where a stage stands.

    `reason` says why it will run or cannot; `error` is the message and `traceback` the trace of a
    failure; `pid` and `host` name the process that runs it; `started` and `updated` are ISO 8601
    in UTC. `pid_started` (clock ticks since boot, filled in on writing) tells a process from a
    later one that was given the same pid.
    """

    key: str
    symbolic: str
    state: State
    reason: str | None = None
    error: str | None = None
    traceback: str | None = None
    pid: int | None = None
    host: str | None = None
    started: str | None = None
    updated: str | None = None
    pid_started: int | None = None


def write_state(workspace: Path, state: StageState) -> Path:
    """Write `state` to `states/<key>.json`, atomically; `updated` is set to now where None.

    Raises StoreError where the state is unknown or the file cannot be written.
    """
    check_key(state.key)
    _check_state(state.state, state.key)
    stamped = replace(state, updated=state.updated or now())
    if state.pid is not None and state.pid_started is None and state.host in (None, host_name()):
        stamped = replace(stamped, host=host_name(), pid_started=started_at(state.pid))
    path = _path(workspace, state.key)
    document = {"format": FORMAT, **asdict(stamped)}
    atomic_write_text(path, to_json(document, f"The state of {state.key}"))
    return path


def read_states(workspace: Path) -> dict[str, StageState]:
    """Return the states of all stages by key, as `read_state` gives each.

    Raises StoreError where a file is damaged.
    """
    return {key: _seen_from_here(_read(_path(workspace, key))) for key in state_keys(workspace)}


def read_state(workspace: Path, key: str) -> StageState | None:
    """Return the state of one stage; None where nothing is known of it.

    A stage that is 'running' by its file, and whose process on this host has ended, is returned
    as 'interrupted'; processes on other hosts cannot be seen and are believed. Raises StoreError
    where the file is damaged.
    """
    path = _path(workspace, key)
    return _seen_from_here(_read(path)) if path.exists() else None


def state_keys(workspace: Path) -> list[str]:
    """Return the keys of all stages that have a state, sorted: one scan of their folder."""
    folder = workspace / FOLDER
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.endswith(SUFFIX)]
    return sorted(name.removesuffix(SUFFIX) for name in names if not name.startswith("."))


def _path(workspace: Path, key: str) -> Path:
    return workspace / FOLDER / f"{key}{SUFFIX}"


def _read(path: Path) -> StageState:
    document = read_json(path, _HINT)
    names = [field.name for field in fields(StageState)]
    try:
        state = StageState(**{name: document[name] for name in names})
    except KeyError as error:
        raise StoreError(f"{path} lacks the field {error}.", hint=_HINT) from error
    if state.key != path.stem:
        raise StoreError(f"{path} holds the state of another stage, {state.key}.", hint=_HINT)
    _check_state(state.state, str(path))
    return state


def _check_state(state: str, where: str) -> None:
    known = get_args(State)
    if state not in known:
        raise StoreError(f"'{state}' is no state of a stage ({where}): {', '.join(known)}.")


def _seen_from_here(state: StageState) -> StageState:
    if state.state != "running" or state.pid is None or state.host != host_name():
        return state
    if is_alive(state.pid, state.pid_started):
        return state
    return replace(
        state,
        state="interrupted",
        reason=f"process {state.pid} ended before the stage did",
    )
