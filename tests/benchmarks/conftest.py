"""Benchmarks run with `--benchmark-only` (`nox -s bench`) and are no part of the test suite.

`MPCS_BENCH_FULL=1` takes those of scale to 100,000 cells and 10,000,000 predictions, which takes
minutes and gigabytes. `MPCS_BENCH_TABLE` names a file for the table that a session ends with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aims import AimsTable
from scaling_law import Scaling

FULL = os.environ.get("MPCS_BENCH_FULL") == "1"
TABLE = pytest.StashKey[AimsTable]()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder alone unless benchmarks were asked for."""
    asked = config.getoption("benchmark_only", default=False)
    return None if asked else True


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table of aims, and write it where a file was named."""
    table = config.stash.get(TABLE, None)
    if table is None or not table.rows:
        return
    table.without_gpu()
    text = table.markdown()
    terminalreporter.section("aims")
    terminalreporter.write_line(text)
    named = os.environ.get("MPCS_BENCH_TABLE")
    if named:
        Path(named).write_text(text + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def aims(pytestconfig: pytest.Config) -> AimsTable:
    """The table of the session: `aims.row(what, measured, aim, met, note)`."""
    return pytestconfig.stash.setdefault(TABLE, AimsTable())


@pytest.fixture
def scaling(
    capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> Iterator[Scaling]:
    """Measurements that are printed at the end of the benchmark."""
    made = Scaling()
    yield made
    with capsys.disabled():
        print(f"\n{made.table(request.node.name)}")


@pytest.fixture
def sizes() -> Callable[..., Sequence[int]]:
    """Take sizes up to a minute's, and the full one where it was asked for."""
    return lambda *small, full: (*small, full) if FULL else small


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write results without forcing them to the disk: preparing thousands would take minutes."""
    from mpcs_bench.records import atomic_write, write

    for module in (atomic_write, write):
        for name in ("fsync_file", "fsync_folder"):
            monkeypatch.setattr(module, name, lambda _path: None)
