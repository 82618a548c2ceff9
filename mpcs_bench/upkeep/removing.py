"""Removes a folder so that no half of it is ever taken for the whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from mpcs_bench.records.process import unique_token


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, the latter under another name; gone already is fine."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    doomed = path
    if not path.name.startswith(".tmp-"):
        doomed = path.with_name(f".tmp-{path.name}-{os.getpid()}-{unique_token()}")
        path.rename(doomed)
    shutil.rmtree(doomed)
