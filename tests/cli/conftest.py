"""The command line as a user has it: a real process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
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


def environment() -> dict[str, str]:
    """Return the environment of every command: wide enough that no table is folded."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MPCS_BENCH")}
    return kept | {"COLUMNS": "250", "NO_COLOR": "1"}


def _interruptible() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C; these tests send it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_in(
    folder: Path, *arguments: object, env: dict[str, str] | None = None, timeout: int = 300
) -> Finished:
    """Run `mpcs-bench` in a folder and wait for it."""
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        cwd=folder,
        env=environment() | (env or {}),
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Finished]:
    """Run `mpcs-bench` in `tmp_path` and wait for it."""
    return lambda *arguments, **options: run_in(tmp_path, *arguments, **options)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `mpcs-bench` in a process group of its own and do not wait."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [PROGRAM, *map(str, arguments)],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_interruptible,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture(scope="session")
def finished_workspace(tmp_path_factory: pytest.TempPathFactory, tiny_text: str) -> Path:
    """A folder with `tiny.yaml` and the workspace of its one run; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(tiny_text)
    done = run_in(folder, "run", "tiny.yaml")
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def ran(finished_workspace: Path, tmp_path: Path) -> Path:
    """The tiny protocol, run once in `tmp_path/mpcs-workspace`; a copy to do with as one likes."""
    shutil.copytree(finished_workspace, tmp_path, dirs_exist_ok=True)
    return tmp_path / "tiny.yaml"
