"""The command line as a user has it: a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAM = str(Path(sys.executable).parent / "mpcs-bench")


@dataclass(frozen=True)
class Finished:
    """What a command left: exit status, output, errors."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of every command: wide enough that no table is folded."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MPCS_BENCH")}
    return kept | {"COLUMNS": "250", "NO_COLOR": "1"}


@pytest.fixture
def bench(tmp_path: Path, environment: dict[str, str]) -> Callable[..., Finished]:
    """Run `mpcs-bench` in `tmp_path` and wait for it."""

    def run(*arguments: object, env: dict[str, str] | None = None, timeout: int = 300) -> Finished:
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)],
            cwd=tmp_path,
            env=environment | (env or {}),
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def start(
    tmp_path: Path, environment: dict[str, str]
) -> Callable[..., "subprocess.Popen[str]"]:
    """Start `mpcs-bench` in a process group of its own and do not wait."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [PROGRAM, *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run  # type: ignore[misc]
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
