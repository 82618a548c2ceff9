"""Read a result folder: its small files at once, its tables when asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpcs_bench.errors import StoreError
from mpcs_bench.records.files import MANIFEST, SPEC, TABLE_FILES
from mpcs_bench.records.json_file import read_json
from mpcs_bench.records.spec import CellAxes, ResultSpec, is_key

DAMAGED_HINT = "Run its protocol again: the stage is computed anew, and this folder is kept aside."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `manifest.json` says: when, where and how the result came about.

    `created` is ISO 8601 in UTC; `files` maps names to SHA-256, `sizes` to bytes (empty in older
    results); `timings` are seconds by name.
    """

    key: str
    created: str
    files: Mapping[str, str]
    environment: Mapping[str, Any]
    timings: Mapping[str, Any]
    notes: Mapping[str, Any]
    sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """A result on disk; tables are read when asked for."""

    path: Path
    spec: ResultSpec
    manifest: Manifest

    @property
    def key(self) -> str:
        """The key of the stage."""
        return self.spec.key

    @property
    def axes(self) -> CellAxes | None:
        """The axes of the cell, or None for a stage that cells share."""
        given = self.spec.axes
        return None if given is None else CellAxes.of(given, f"result {self.key}")

    def metrics(self) -> Any:
        """Read the metrics table (pyarrow)."""
        return self._table("metrics")

    def history(self) -> Any:
        """Read the history table (pyarrow)."""
        return self._table("history")

    def predictions(self) -> Any:
        """Read the predictions table (pyarrow)."""
        return self._table("predictions")

    def file(self, name: str) -> Path:
        """Return the path of a file of this result; raises StoreError where it has none."""
        if name not in self.manifest.files:
            raise StoreError(
                f"The result {self.key} ({self.spec.symbolic}) holds no '{name}'.",
                hint=f"It holds: {', '.join(sorted(self.manifest.files))}.",
            )
        return self.path / name

    def _table(self, name: str) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.path / TABLE_FILES[name]
        try:
            # A ParquetFile, not the dataset reader: folder names like fold=2 mean nothing here.
            with pq.ParquetFile(path) as file:
                return file.read()
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"Cannot read {path}: {error}", hint=DAMAGED_HINT) from error


def read_result(path: Path) -> Result:
    """Read the result in folder `path`.

    Raises StoreError where it is no result, is damaged, or has a newer format than ours.
    Hashes are not compared: `check_result` does that.
    """
    spec = read_json(path / SPEC, DAMAGED_HINT)
    manifest = read_json(path / MANIFEST, DAMAGED_HINT)
    try:
        return Result(
            path=path,
            spec=ResultSpec(
                key=str(spec["key"]),
                kind=str(spec["kind"]),
                symbolic=str(spec["symbolic"]),
                stage_version=int(spec["stage_version"]),
                spec=dict(spec["spec"]),
                axes=None if spec["axes"] is None else dict(spec["axes"]),
            ),
            manifest=Manifest(
                key=str(manifest["key"]),
                created=str(manifest["created"]),
                files=dict(manifest["files"]),
                environment=dict(manifest["environment"]),
                timings=dict(manifest["timings"]),
                notes=dict(manifest["notes"]),
                sizes=dict(manifest.get("sizes", {})),
            ),
        )
    except KeyError as error:
        raise StoreError(
            f"The result {path} lacks the field {error}.", hint=DAMAGED_HINT
        ) from error
    except (TypeError, ValueError) as error:
        raise StoreError(f"The result {path} is damaged: {error}.", hint=DAMAGED_HINT) from error


def list_results(results: Path) -> list[str]:
    """Return the keys of the results in folder `results`, sorted; temporaries are none.

    A folder without a manifest is no result; `result_folders` lists it too.
    """
    return [key for key in result_folders(results) if (results / key / MANIFEST).is_file()]


def result_folders(results: Path) -> list[str]:
    """Return the names in folder `results` that stand for a result, whole or damaged, sorted.

    One scan of the folder, whatever it holds.
    """
    if not results.is_dir():
        return []
    with os.scandir(results) as entries:
        return sorted(entry.name for entry in entries if is_key(entry.name) and entry.is_dir())
