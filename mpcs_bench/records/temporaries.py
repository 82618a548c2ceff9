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
    removed = stale_temporaries(folder)
    for path in removed:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return removed


def stale_temporaries(folder: Path) -> list[Path]:
    """Return the temporaries directly in `folder` that `sweep_temporaries` would remove, sorted."""
    if not folder.is_dir():
        return []
    # By name first: of a hundred thousand results none need become a Path.
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.name.startswith(".tmp-"))
    matches = [match for name in names if (match := _TEMPORARY.match(name))]
    return [
        folder / match.string
        for match in matches
        if token_is_stale(int(match["pid"]), match["token"])
    ]
