"""Fixtures that more than one folder of tests needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real development images, where this machine has one."""
    folder = Path(os.environ.get("MPCS_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "breakhis").is_dir():
        pytest.skip(f"no real images at {folder} (set MPCS_SHARED_DATA to their folder)")
    return folder
