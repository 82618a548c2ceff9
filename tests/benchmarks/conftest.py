"""Benchmarks run with `--benchmark-only` (`nox -s bench`) and are no part of the test suite."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder alone unless benchmarks were asked for."""
    asked = config.getoption("benchmark_only", default=False)
    return None if asked else True
