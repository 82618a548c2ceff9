"""Whether a worker sees the driver's workspace: found out, not configured.

The driver writes a token that nobody else has into the workspace; a worker that reads the same
token at the same path, and can write there, shares the file system.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from mpcs_bench.records.atomic_write import atomic_write_text

FILE = ".ray-token"


@dataclass(frozen=True, slots=True)
class Token:
    """What a worker must find in the workspace at `workspace` to share it."""

    workspace: str
    value: str


def write_token(workspace: str) -> Token:
    """Write a new token; raises StoreError where the workspace cannot be written."""
    token = Token(workspace, uuid.uuid4().hex)
    atomic_write_text(Path(workspace) / FILE, token.value)
    return token


def sees(token: Token) -> bool:
    """Say whether this process sees the workspace of `token`, and can write there."""
    root = Path(token.workspace)
    probe = root / f".ray-probe-{uuid.uuid4().hex}"
    try:
        if (root / FILE).read_text(encoding="utf-8") != token.value:
            return False
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
