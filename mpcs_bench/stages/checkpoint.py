"""Checkpoints of one stage: a folder each, whole or not there at all, the last two kept.

A checkpoint is `state.pt`, which holds tensors and plain values and nothing that runs, and
`checkpoint.json` beside it, which says what it is of and what its bytes hash to.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from mpcs_bench.errors import first_line
from mpcs_bench.records.atomic_write import (
    cannot_write,
    fsync_file,
    fsync_folder,
    publish_folder,
)
from mpcs_bench.records.files import sha256_of
from mpcs_bench.records.json_file import now, to_json
from mpcs_bench.records.process import unique_token
from mpcs_bench.stages.distributed import world
from mpcs_bench.stages.reasons import is_out_of_memory

FORMAT = 1
"""Raised by hand whenever what a state holds changes: an older checkpoint is not read then."""

KEPT = 2
SIDECAR, STATE = "checkpoint.json", "state.pt"
_TEMPORARY = ".tmp-"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a training stands, and what it took to come there, all attempts together.

    `step` steps of epoch `epoch` are done, and all epochs before it. `seconds` is the time so
    far, `open_seconds` the part of it that opening took; `resumed` says from where and when later
    attempts went on, `remarks` what was odd about the checkpoints.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    open_seconds: float = 0.0
    resumed: tuple[dict[str, Any], ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A whole checkpoint on disk; `written` is ISO 8601 in UTC."""

    path: Path
    written: str
    standing: Standing

    def __str__(self) -> str:
        return f"{self.path} (epoch {self.standing.epoch}, step {self.standing.step})"


class CheckpointFolder:
    """The checkpoints of stage `key` under `path`, made with `build` (torch, device).

    One process at a time has it: the workspace is one run's, and a run does a stage once. Where
    several share a training, all read and one writes.
    `remark` is told of every checkpoint that cannot be used.
    """

    def __init__(
        self, path: Path, key: str, build: Mapping[str, str], remark: Callable[[str], None]
    ) -> None:
        self._path, self._key, self._build, self._remark = path, key, dict(build), remark
        self._refused: set[str] = set()
        self.newest: Checkpoint | None = None
        if world.leads():
            for left in path.glob(f"{_TEMPORARY}*"):  # its writer was killed
                shutil.rmtree(left, ignore_errors=True)

    def whole(self) -> Iterator[tuple[Checkpoint, dict[str, Any]]]:
        """Yield what can be gone on from, newest first, each with its state on the CPU.

        What is damaged is removed; what is of another key, format or build stays where it is.
        """
        try:
            folders = self._folders()
        except OSError as error:
            self._remark(f"no checkpoint was used: {first_line(error)}")
            folders = []
        for folder in reversed(folders):
            try:
                found = self._read(folder)
            except _Foreign as reason:
                self._refused.add(folder.name)
                self._remark(f"checkpoint {int(folder.name)} was not used: {reason}")
            except _Damaged as reason:
                self.discard(folder, f"is damaged: {reason}")
            else:
                self.newest = found[0]
                yield found
        self.newest = None

    def discard(self, folder: Path, why: str) -> None:
        """Remove a checkpoint that is of no use, and say so."""
        world.wait_for_all()  # all have found it to be so
        if world.leads():
            shutil.rmtree(folder, ignore_errors=True)
        self._remark(f"checkpoint {int(folder.name)} {why}; it was removed")

    def write(self, state: Mapping[str, Any], standing: Standing) -> Checkpoint:
        """Write a checkpoint and remove all but the last two of ours.

        Raises StoreError where it cannot be written; those before are as they were then.
        """
        temporary = self._path / f"{_TEMPORARY}checkpoint-{os.getpid()}-{unique_token()}"
        target = self._path
        try:
            number = max((int(folder.name) for folder in self._folders()), default=0) + 1
            target /= f"{number:06d}"
            if not self._path.is_dir():
                self._path.mkdir(parents=True)
                fsync_folder(self._path.parent)
            temporary.mkdir()
            written = now()
            self._fill(temporary, state, standing, written)
            if not publish_folder(temporary, target):
                raise FileExistsError(f"{target} stands already")
        except OSError as error:
            raise cannot_write(target, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self.newest = Checkpoint(target, written, standing)
        with suppress(OSError):
            self._prune()
        return self.newest

    def remove(self) -> None:
        """Remove them all: the result stands."""
        shutil.rmtree(self._path, ignore_errors=True)
        self.newest = None

    def _prune(self) -> None:
        own = [folder for folder in self._folders() if not self._is_foreign(folder)]
        for folder in own[:-KEPT]:
            shutil.rmtree(folder, ignore_errors=True)

    def _is_foreign(self, folder: Path) -> bool:
        if folder.name not in self._refused:
            try:
                self._check_origin(_sidecar(folder))
            except _Foreign:  # not met before: a newer one was gone on from
                self._refused.add(folder.name)
            except Exception:  # damage can break a reader in any way
                return False
        return folder.name in self._refused

    def _folders(self) -> list[Path]:
        if not self._path.is_dir():
            return []
        found = [path for path in self._path.iterdir() if path.name.isdecimal()]
        return sorted(found, key=lambda path: int(path.name))

    def _fill(
        self, folder: Path, state: Mapping[str, Any], standing: Standing, written: str
    ) -> None:
        try:
            with (folder / STATE).open("wb") as file:
                torch.save(dict(state), file)
        except RuntimeError as error:
            # torch closes its archive on the way out, and fails at that too: what went first?
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise
        fsync_file(folder / STATE)
        document = {
            "format": FORMAT,
            "key": self._key,
            "build": self._build,
            "sha256": sha256_of(folder / STATE),
            "written": written,
            **asdict(standing),
        }
        text = to_json(document, "The checkpoint")
        (folder / SIDECAR).write_text(text, encoding="utf-8")
        fsync_file(folder / SIDECAR)

    def _read(self, folder: Path) -> tuple[Checkpoint, dict[str, Any]]:
        try:
            document = _sidecar(folder)
            self._check_origin(document)
            checkpoint = Checkpoint(folder, str(document["written"]), _standing(document))
            return checkpoint, _state(folder / STATE, document)
        except (_Foreign, _Damaged):
            raise
        except Exception as error:  # damage can break a reader in any way
            if is_out_of_memory(error):
                raise
            raise _Damaged(first_line(error)) from error

    def _check_origin(self, document: Mapping[str, Any]) -> None:
        if document["format"] != FORMAT:
            raise _Foreign(f"it has format {document['format']}, and this reads {FORMAT}")
        if document["key"] != self._key:
            raise _Foreign(f"it is of another stage, {document['key']}")
        if document["build"] != self._build:
            there, here = (
                ", ".join(f"{name} {value}" for name, value in sorted(build.items()))
                for build in (document["build"], self._build)
            )
            raise _Foreign(f"it was made with {there}, and this is {here}")


class _Damaged(Exception):  # noqa: N818 - what is found, and dealt with here
    """A checkpoint that cannot be read."""


class _Foreign(Exception):  # noqa: N818 - what is found, and dealt with here
    """A checkpoint that is not of this stage and this build."""


def _sidecar(folder: Path) -> Any:
    return json.loads((folder / SIDECAR).read_text(encoding="utf-8"))


def _state(path: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    if sha256_of(path) != document["sha256"]:
        raise _Damaged("its state does not have the hash that was noted")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if (state["epoch"], state["step"]) != (document["epoch"], document["step"]):
        raise _Damaged("its two files do not belong together")
    return state


def _standing(document: Mapping[str, Any]) -> Standing:
    values = {field.name: document[field.name] for field in fields(Standing)}
    for name in ("resumed", "remarks"):
        values[name] = tuple(values[name])
    return Standing(**values)
