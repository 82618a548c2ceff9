"""Results moved aside: `.trash/<batch>/`, until `gc` or until they are moved back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mpcs_bench.errors import StoreError, did_you_mean
from mpcs_bench.records import FORMAT
from mpcs_bench.records.atomic_write import atomic_write_text, fsync_folder
from mpcs_bench.records.json_file import read_json, to_json
from mpcs_bench.records.process import unique_token

FOLDER = ".trash"
WHAT = "what.json"
MOVED = ("results", "states", "checkpoints")
"""The folders of a workspace that a batch has parts of, in the order in which they are moved."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Stages that were moved aside at once; `keys` stand upstream first, `made` is UTC."""

    path: Path
    made: str
    keys: tuple[str, ...]
    protocols: tuple[str, ...]

    @property
    def name(self) -> str:
        """What `invalidate --undo` knows it by."""
        return self.path.name


def new_batch(workspace: Path, keys: tuple[str, ...], protocols: tuple[str, ...]) -> Batch:
    """Make an empty batch that says what it is going to hold; raises StoreError."""
    made = datetime.now(UTC).isoformat(timespec="seconds")
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    token = unique_token().rpartition(".")
    path = workspace / FOLDER / f"{stamp}-{token[0].partition('.')[0]}{token[2]}"
    document = {"format": FORMAT, "made": made, "keys": list(keys), "protocols": list(protocols)}
    atomic_write_text(path / WHAT, to_json(document, "What is moved aside"))
    return Batch(path, made, keys, protocols)


def move_aside(workspace: Path, batch: Batch) -> None:
    """Move the results, states and checkpoints of a batch into it, downstream first.

    So no result ever stands on one that is gone. Raises OSError as rename does.
    """
    for key in reversed(batch.keys):
        for source, target in _places(workspace, batch, key):
            _move(source, target)


def move_back(workspace: Path, batch: Batch) -> tuple[list[str], list[str]]:
    """Move a batch back, upstream first; return the keys that came back, and those that did not.

    A stage that has a result again keeps that one. Raises OSError as rename does.
    """
    back, left = [], []
    for key in batch.keys:
        aside = batch.path / "results" / key
        if aside.is_dir() and (workspace / "results" / key).exists():
            left.append(key)
            continue
        for source, target in _places(workspace, batch, key):
            if not source.exists():
                _move(target, source)
        back.append(key)
    return back, left


def batches(workspace: Path) -> list[Batch]:
    """Return the batches of a workspace, oldest first; one that says nothing holds no key."""
    folder = workspace / FOLDER
    if not folder.is_dir():
        return []
    return sorted(
        (_read(path) for path in folder.iterdir() if path.is_dir() and path.name[:1] != "."),
        key=lambda batch: (batch.made, batch.name),
    )


def batch_called(workspace: Path, name: str | None) -> Batch:
    """Return a batch by name, the newest for None; raises StoreError where there is none."""
    found = batches(workspace)
    if not found:
        raise StoreError(
            "Nothing was moved aside here, or `gc` has removed it since.",
            hint="Give the workspace of the results with --workspace, or make them again: "
            "`mpcs-bench run`.",
        )
    if name is None:
        return found[-1]
    known = [batch.name for batch in found]
    if name not in known:
        raise StoreError(
            f"There is no batch '{name}'.{did_you_mean(name, known)}",
            hint=f"There are: {', '.join(known)}.",
        )
    return found[known.index(name)]


def _read(path: Path) -> Batch:
    try:
        document = read_json(path / WHAT)
        keys, protocols = document["keys"], document["protocols"]
        return Batch(path, str(document["made"]), tuple(keys), tuple(protocols))
    except (StoreError, KeyError, TypeError, json.JSONDecodeError):
        return Batch(path, "?", (), ())


def _places(workspace: Path, batch: Batch, key: str) -> Iterator[tuple[Path, Path]]:
    """Yield where each part of a stage belongs, and where it is put in a batch."""
    for folder in MOVED:
        name = f"{key}.json" if folder == "states" else key
        yield workspace / folder / name, batch.path / folder / name


def _move(source: Path, target: Path) -> None:
    if not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
    fsync_folder(target.parent)
    fsync_folder(source.parent)
