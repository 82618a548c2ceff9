"""What a worker leaves on its own disk comes back: packed there, checked and published here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mpcs_bench.errors import StoreError
from mpcs_bench.records import check_result
from mpcs_bench.records.atomic_write import cannot_write, fsync_file, publish_folder
from mpcs_bench.records.process import unique_token

Packed = Mapping[str, npt.NDArray[np.uint8]]
"""The files of a folder: their bytes by name."""


def pack(folder: Path) -> Packed:
    """Return the files of `folder`, which holds no further folders."""
    return {path.name: np.fromfile(path, np.uint8) for path in sorted(folder.iterdir())}


def deliver_result(packed: Packed, results: Path, key: str) -> None:
    """Publish a result as `results/<key>`, once its bytes are those that its manifest names.

    A whole result that already stands is kept; a damaged one is set aside. Raises StoreError
    where the bytes are not those, or the disk is full.
    """
    target = results / key
    with_key = _unpacked(packed, results, key)
    try:
        problems = check_result(with_key)
        if problems:
            raise StoreError(
                f"The result {key} was damaged on its way from the worker: {'; '.join(problems)}.",
                hint="Run again: the stage will be computed anew.",
            )
        if not publish_folder(with_key, target) and check_result(target):
            target.rename(results / f".damaged-{key}-{unique_token()}")
            publish_folder(with_key, target)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        shutil.rmtree(with_key.parent, ignore_errors=True)


def deliver_checkpoint(packed: Packed, checkpoints: Path, name: str) -> None:
    """Publish a checkpoint as `checkpoints/<name>`; raises StoreError on a full disk."""
    unpacked = _unpacked(packed, checkpoints, name)
    try:
        publish_folder(unpacked, checkpoints / name)
    except OSError as error:
        raise cannot_write(checkpoints / name, error) from error
    finally:
        shutil.rmtree(unpacked.parent, ignore_errors=True)


def _unpacked(packed: Packed, parent: Path, name: str) -> Path:
    """Write `packed` to a temporary folder under `parent` and return the folder `name` in it."""
    temporary = parent / f".tmp-{name}-{os.getpid()}-{unique_token()}"
    folder = temporary / name
    try:
        folder.mkdir(parents=True)
        for file, content in packed.items():
            content.tofile(folder / file)
            fsync_file(folder / file)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise cannot_write(parent / name, error) from error
    return folder
