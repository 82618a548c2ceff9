"""The files of a result folder, and their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

SPEC = "spec.json"
MANIFEST = "manifest.json"
TABLE_FILES: Mapping[str, str] = {
    "metrics": "metrics.parquet",
    "history": "history.parquet",
    "predictions": "predictions.parquet",
}
REQUIRED: tuple[str, ...] = (SPEC, *TABLE_FILES.values())
"""What every manifest lists; more may stand beside them."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
