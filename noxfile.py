"""Sessions: tests (what CI runs), slow, lint, types, bench, quickstart.

torch is 5.5 GB: every session that needs it shares the environment of `tests`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint", "types"]

PACKAGE = ".[test,types]"
SHARED = Path(".nox/tests").absolute()
# The test process itself must not spin while workers train; workers bring their own settings.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
# What is timed in the process of the benchmarks is timed as a worker would have it.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_TOP_PAD_": "67108864",
}


def _run_shared(
    session: nox.Session,
    command: str,
    *arguments: str,
    package: str = PACKAGE,
    environment: Mapping[str, str] = ENVIRONMENT,
) -> None:
    """Run `command` in the environment of `tests`, with this checkout installed."""
    if not SHARED.is_dir():
        session.run("nox", "-s", "tests", "--install-only", external=True)
    programs = SHARED / "bin"
    session.run(str(programs / "python"), "-m", "pip", "install", "-q", package, external=True)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    program = str(programs / command)
    session.run(program, *arguments, env={**environment, "PATH": path}, external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """Everything but the long ones; under 12 minutes on 2 cores."""
    session.install(PACKAGE)
    # Two processes: most tests compute on one core, and some wait for processes of their own.
    session.run("pytest", "-n", "2", *session.posargs, env=ENVIRONMENT)


@nox.session(venv_backend="none")
def slow(session: nox.Session) -> None:
    """The long ones: kills, whole protocols, simulations; under an hour."""
    _run_shared(session, "pytest", "-n", "2", "-m", "slow", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and formatting."""
    session.install("ruff>=0.11")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """mypy, strictly."""
    _run_shared(session, "mypy")


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Benchmarks, and the table of aims at the end; under 30 minutes on a quiet machine.

    `nox -s bench -- tests/benchmarks/test_floors.py` runs one of them; see tests/benchmarks.
    """
    arguments = session.posargs or ["tests/benchmarks"]
    options = ["-m", "", "--benchmark-only", "--benchmark-columns", "min", "-s"]
    _run_shared(
        session,
        "pytest",
        *options,
        *arguments,
        package=".[bench]",
        environment=ENVIRONMENT | MALLOC,
    )


@nox.session(venv_backend="none")
def quickstart(session: nox.Session) -> None:
    """The quickstart protocol, from nothing to its report."""
    workspace = Path(session.create_tmp()) / "workspace"
    _run_shared(session, "mpcs-bench", "run", "quickstart", "--workspace", str(workspace))
