"""Notes every PNG file that a process opens for reading, in the file that OPENED_PNG_LOG names.

On PYTHONPATH it is run by every Python process that starts: the command and all its workers.
"""

from __future__ import annotations

import os
import sys
from typing import Any

LOG = os.environ.get("OPENED_PNG_LOG")


def _note(event: str, given: tuple[Any, ...]) -> None:
    if event != "open":
        return
    path, mode, flags = given
    name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
    written = (mode and set(mode) & set("wax+")) or flags & (os.O_WRONLY | os.O_RDWR)
    if name.endswith(".png") and not written:
        os.write(_log, f"{name}\n".encode())


if LOG:
    _log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.addaudithook(_note)
