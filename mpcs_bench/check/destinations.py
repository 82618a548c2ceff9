"""Whether files can be written: asked before a run, not after it."""

from __future__ import annotations

import os
from pathlib import Path

from mpcs_bench.check.errors import CheckError


def require_writable(path: Path, option: str) -> None:
    """Make the folder of `path`; raise CheckError, naming `option`, where no file can be there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            reason = "it is a folder"
        else:
            there = path if path.exists() else path.parent
            reason = "" if os.access(there, os.W_OK) else "it may not be written"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise CheckError(
            f"{option} {path} cannot be written: {reason}.", hint=f"Give {option} another file."
        )
