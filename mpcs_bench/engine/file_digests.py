"""SHA-256 of large files, remembered by path, size and modification time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mpcs_bench.records.atomic_write import atomic_write_text


class FileDigests:
    """Digests of weight files; a file that has not changed is read once."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._known: dict[str, str] = {}
        if store.is_file():
            try:
                self._known = dict(json.loads(store.read_text()))
            except (ValueError, TypeError):
                self._known = {}  # a damaged memory is no loss: files are read again

    def sha256(self, path: Path) -> str:
        """Return the digest of the file's bytes."""
        status = path.stat()
        key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
        if key not in self._known:
            with path.open("rb") as file:
                self._known[key] = hashlib.file_digest(file, "sha256").hexdigest()
            atomic_write_text(self._store, json.dumps(self._known, indent=1))
        return self._known[key]
