"""A filled folder becomes a crate: a folder, or a zip archive, there whole or not at all."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mpcs_bench.errors import BenchError
from mpcs_bench.records.atomic_write import cannot_write, fsync_file, fsync_folder
from mpcs_bench.records.process import unique_token

METADATA = "ro-crate-metadata.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member of an archive: the same crate is the same bytes."""

PACKED = (".parquet", ".safetensors")
"""Endings of files that are compressed already."""


def refuse_standing(output: Path, *, force: bool) -> None:
    """Raise BenchError where `output` may not be written: it stands, or is no crate of ours."""
    if output.is_dir() and not any(output.iterdir()):
        return
    if not output.exists():
        return
    if not force:
        raise BenchError(f"{output} exists already.", hint="Give another --output, or --force.")
    if not _is_crate(output):
        raise BenchError(
            f"{output} is no crate, and is not overwritten.", hint="Give another --output."
        )


@contextmanager
def appearing(output: Path) -> Iterator[Path]:
    """Yield an empty folder; what is put there becomes the crate `output` at the end.

    A name that ends in `.zip` becomes an archive. What stood there stays until the new one is
    complete. Raises StoreError where the place cannot be written.
    """
    mark = f"{os.getpid()}-{unique_token()}"
    folder = output.with_name(f".tmp-{output.name}-{mark}")
    archive = output.with_name(f".tmp-{output.name}.zip-{mark}")
    try:
        folder.mkdir(parents=True)
        yield folder
        if output.suffix.lower() == ".zip":
            _pack(folder, archive)
            archive.replace(output)
        else:
            _replace(folder, output)
        fsync_folder(output.parent)
    except OSError as error:
        raise cannot_write(output, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        archive.unlink(missing_ok=True)


def _is_crate(output: Path) -> bool:
    if output.is_dir():
        return (output / METADATA).is_file()
    if not zipfile.is_zipfile(output):
        return False
    with zipfile.ZipFile(output) as archive:
        return METADATA in archive.namelist()


def _replace(folder: Path, output: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            fsync_file(path)
    if not output.exists():
        folder.rename(output)
        return
    # Folders cannot be exchanged in one step: killed between these two, the old one is hidden.
    before = output.with_name(f".tmp-{output.name}-old-{os.getpid()}-{unique_token()}")
    output.rename(before)
    folder.rename(output)
    shutil.rmtree(before, ignore_errors=True)


def _pack(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(folder.rglob("*")):
            if not path.is_file():
                continue
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            info.external_attr = 0o644 << 16
            method = zipfile.ZIP_STORED if path.suffix in PACKED else zipfile.ZIP_DEFLATED
            info.compress_type = method
            with path.open("rb") as source, packed.open(info, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, 1 << 20)
    fsync_file(archive)
