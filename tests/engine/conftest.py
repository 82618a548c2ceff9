"""Plans made in-process from the tiny protocol."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench import api
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    place = Workspace(tmp_path / "workspace")
    place.create()
    return place


@pytest.fixture
def plan_of(workspace: Workspace) -> Callable[..., Plan]:
    """Plan a protocol file, in `workspace` unless told otherwise."""

    def make(path: Path, *, at: Workspace | None = None, **options: Any) -> Plan:
        return api.plan([str(path)], at or workspace, api.Options(device="cpu", **options))

    return make
