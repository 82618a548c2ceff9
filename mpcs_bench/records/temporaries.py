"""Temporary files and folders that a killed process left behind."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from mpcs_bench.records.process import token_is_stale

_TEMPORARY = re.compile(r"^\.tmp-.+-(?P<pid>\d+)-(?P<token>[0-9a-f]+\.\d+\.\d+)(\.wal)?$")


def sweep_temporaries(folder: Path) -> list[Path]:
    """Remove temporaries in `folder` whose process has ended; return what was removed.

    Temporaries of living processes and of other hosts stay. A folder that is not there is empty.
    """
    removed: list[Path] = []
    if not folder.is_dir():
        return removed
    # By name first: of a hundred thousand results none need become a Path.
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.name.startswith(".tmp-"))
    for name in names:
        match = _TEMPORARY.match(name)
        if match is None or not token_is_stale(int(match["pid"]), match["token"]):
            continue
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        removed.append(path)
    return removed
