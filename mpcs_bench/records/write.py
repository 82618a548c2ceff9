"""Write a result: into a temporary folder first, then by one rename into its place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mpcs_bench.errors import StoreError
from mpcs_bench.records.atomic_write import (
    cannot_write,
    fsync_file,
    fsync_folder,
    publish_folder,
)
from mpcs_bench.records.check import check_result
from mpcs_bench.records.files import MANIFEST, SPEC, TABLE_FILES, sha256_of
from mpcs_bench.records.json_file import now, to_json
from mpcs_bench.records.process import unique_token
from mpcs_bench.records.spec import FORMAT, ResultSpec
from mpcs_bench.records.tables import ResultTables

FileContent = bytes | Callable[[Path], None]
_NOTHING: Mapping[str, Any] = {}


def write_result(
    results: Path,
    spec: ResultSpec,
    tables: ResultTables,
    files: Mapping[str, FileContent] = _NOTHING,
    *,
    environment: Mapping[str, Any] = _NOTHING,
    timings: Mapping[str, Any] = _NOTHING,
    notes: Mapping[str, Any] = _NOTHING,
) -> Path:
    """Write the result of `spec` and return its folder, `results/<key>`.

    `files` maps further names (`weights.safetensors`) to bytes or to a function that writes the
    file at the path it is given. `timings` are seconds by name; `seconds` is the whole. A whole
    result of that key that already stands is kept and ours dropped; a damaged one is set aside
    as `.damaged-<key>-...`. Raises StoreError where tables, axes or names break the format, and
    where the disk is full or cannot be written; nothing is left behind then.
    """
    spec.check()
    checked = tables.validated()
    _check_names(files)
    target = results / spec.key
    temporary = results / f".tmp-{spec.key}-{os.getpid()}-{unique_token()}"
    try:
        temporary.mkdir(parents=True)
        _fill(temporary, spec, checked, files)
        hashes = _fsynced(temporary)
        manifest = {
            "format": FORMAT,
            "key": spec.key,
            "created": now(),
            "files": hashes,
            "sizes": {name: (temporary / name).stat().st_size for name in hashes},
            "environment": dict(environment),
            "timings": dict(timings),
            "notes": dict(notes),
        }
        _write_text(temporary / MANIFEST, to_json(manifest, f"The manifest of {spec.key}"))
        fsync_file(temporary / MANIFEST)
        _publish(temporary, target)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _fill(
    folder: Path, spec: ResultSpec, tables: ResultTables, files: Mapping[str, FileContent]
) -> None:
    document = {
        "format": FORMAT,
        "key": spec.key,
        "kind": spec.kind,
        "symbolic": spec.symbolic,
        "stage_version": spec.stage_version,
        "spec": dict(spec.spec),
        "axes": None if spec.axes is None else dict(spec.axes),
    }
    _write_text(folder / SPEC, to_json(document, f"The specification of {spec.key}"))
    for name, file in TABLE_FILES.items():
        pq.write_table(getattr(tables, name), folder / file, compression="zstd")
    for name, content in files.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            content(folder / name)
        if not (folder / name).is_file():
            raise StoreError(f"The file '{name}' of result {spec.key} was not written.")


def _fsynced(folder: Path) -> dict[str, str]:
    hashes = {}
    for path in sorted(folder.iterdir()):
        fsync_file(path)
        hashes[path.name] = sha256_of(path)
    return hashes


def _publish(temporary: Path, target: Path) -> None:
    if publish_folder(temporary, target):
        return
    if not check_result(target):
        return
    # The damaged one is renamed, not removed: whoever wants to know what happened can look.
    target.rename(target.with_name(f".damaged-{target.name}-{unique_token()}"))
    publish_folder(temporary, target)
    fsync_folder(target.parent)


def _check_names(files: Mapping[str, FileContent]) -> None:
    reserved = {MANIFEST, SPEC, *TABLE_FILES.values()}
    for name in files:
        if name in reserved or name != Path(name).name or name.startswith("."):
            raise StoreError(
                f"A result cannot hold a further file called '{name}'.",
                hint="Use a plain file name other than the format's own.",
            )


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
