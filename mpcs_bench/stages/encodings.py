"""Features of frozen encoders, encoded once for all the stages that ask for the same.

Folds, label fractions, magnifications trained at, classifiers' seeds and validation parts are
cuts of one encoding. An encoder whose weights belong to a fold encodes the parts of that fold
that its stages use; one whose weights are a file encodes all images, whatever the fold.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mpcs_bench.data.working import INTERPOLATION
from mpcs_bench.environment.machine import gpu, machine
from mpcs_bench.environment.packages import named_versions
from mpcs_bench.errors import DataError, WeightsError, first_line
from mpcs_bench.protocol.canonical import digest
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.stages.alone import alone
from mpcs_bench.stages.encoding_file import (
    encoding_file,
    lock_file,
    read_encoding,
    write_encoding,
)
from mpcs_bench.stages.features import encode
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import STAGE_VERSIONS, StageJob
from mpcs_bench.stages.models import build_encoder
from mpcs_bench.stages.predict import evaluation_batch

IntArray = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]

FORMAT = 1

_PACKAGES = ("torchvision", "timm", "numpy")
_VARIABLES = ("MKL_CBWR", "CUBLAS_WORKSPACE_CONFIG")
"""Of the environment, what numbers depend on: as in `check.promise`, which promises equal bits."""


@dataclass(slots=True)
class Encoded:
    """Features [n, d] of the rows asked for, the keys of the encodings, and what was odd."""

    features: Float32
    keys: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def encoded(
    job: StageJob, inputs: StageInputs, rows: IntArray, pulse: Callable[[], None]
) -> Encoded:
    """Return the features of `rows[n]`, each once, under the test view.

    What the cache lacks is encoded and put there; of several processes one does, and the others
    wait. `pulse` is called after every batch, and while waiting. A cache that cannot be written
    costs the others the same work again, and is remarked. Raises WeightsError where the initial
    weights cannot be read or do not fit, StageError as `encode` does.
    """
    source = _Source(job, inputs, pulse)
    place = np.full(len(inputs.index), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    found = Encoded(np.empty((len(rows), 0), dtype=np.float32))
    for unit in _units(job, inputs):
        wanted = place[unit] >= 0
        if not wanted.any():
            continue
        key, features = source.features(unit, found.remarks)
        if not found.keys:
            found.features = np.empty((len(rows), features.shape[1]), dtype=np.float32)
        found.features[place[unit[wanted]]] = features[wanted]
        found.keys.append(key)
    return found


def _units(job: StageJob, inputs: StageInputs) -> Iterator[IntArray]:
    """Yield the rows of each encoding that the stage may need, ascending.

    One magnification each: most protocols need one only.
    """
    magnification = inputs.index.number("magnification")
    fold = int(job.spec["fold"])
    groups = [np.arange(len(inputs.index))]
    if _belongs_to_fold(job):
        groups = [inputs.split.rows(fold, part) for part in sorted({*job.spec["parts"], "test"})]
    for group in groups:
        for value in np.unique(magnification[group]):
            yield group[magnification[group] == value]


def _belongs_to_fold(job: StageJob) -> bool:
    return job.upstream_key is not None or job.weights_file is None


class _Source:
    """An encoder over a data set; it is built where an encoding has to be made."""

    def __init__(self, job: StageJob, inputs: StageInputs, pulse: Callable[[], None]) -> None:
        self._job, self._inputs, self._pulse = job, inputs, pulse
        self._plugin = inputs.encoder(job.spec["encoder"])
        self._weights = inputs.initial_weights(job)
        # What a module draws beside its weights must not depend on which fold comes first.
        own = _belongs_to_fold(job)
        self._seed = (int(job.spec["seed"]), int(job.spec["fold"])) if own else (0, 0)
        self._transform = Transform.model_validate(job.spec["transform"])
        self._facts = self._decides()
        self._built: tuple[nn.Module, WorkingImages] | None = None

    def features(self, unit: IntArray, remarks: list[str]) -> tuple[str, Float32]:
        """Return the key of the encoding of `unit`, and its features."""
        rows = hashlib.sha256(unit.astype("<i8").tobytes()).hexdigest()
        facts = self._facts | {"rows": rows}
        key, cache = digest(facts), self._job.cache
        path = encoding_file(cache, key)
        found = read_encoding(path, len(unit))
        if found is None:
            with alone(lock_file(cache, key), self._pulse):
                found = read_encoding(path, len(unit))
                if found is None:
                    found = self._encode(unit)
                    try:
                        write_encoding(path, facts, found)
                    except DataError as error:
                        remarks.append(f"an encoding could not be kept ({first_line(error)})")
        return key, found

    def _encode(self, unit: IntArray) -> Float32:
        device = torch.device(self._job.device)
        if self._built is None:
            encoder = build_encoder(self._plugin, self._weights, *self._seed)
            encoder.to(device).to(memory_format=torch.channels_last)
            images = WorkingImages(self._inputs.images, self._plugin.preprocessing, device)
            self._built = encoder, images
        encoder, images = self._built
        return encode(
            encoder,
            images,
            self._transform,
            unit,
            device=device,
            precision=self._job.spec["precision"],
            pulse=self._pulse,
        )

    def _decides(self) -> dict[str, Any]:
        """Return all that decides the bits of an encoding, but its rows."""
        job, spec, transform = self._job, self._job.spec, self._transform
        root_seed, fold = self._seed
        return {
            "format": FORMAT,
            "stage_version": STAGE_VERSIONS[job.kind],
            "encoder": spec["encoder"],
            "preprocessing": asdict(self._plugin.preprocessing),
            "weights": None if self._weights is None else _file_digest(self._weights),
            "seed": root_seed,
            "fold": fold,
            # A rerun measures what does not repeat: it takes nothing from another.
            "replicate": spec["replicate"],
            "fingerprint": job.fingerprint,
            "image_size": job.image_size,
            "interpolation": INTERPOLATION,
            "input_size": transform.input_size,
            "test_framing": transform.test_framing,
            "batch": evaluation_batch(transform, self._inputs.images.size),
            "precision": spec["precision"],
            "threads": spec["threads"],
            "deterministic": spec["deterministic"],
            "machine": _machine(job.device),
        }


def _machine(device: str) -> dict[str, Any]:
    """Return what of this machine and its packages the last bits can depend on."""
    kind = torch.device(device).type
    if kind == "cuda":
        facts = gpu(device)
        computes = {name: facts[name] for name in ("name", "capability", "cuda", "cudnn")}
    else:
        computes = {name: machine()[name] for name in ("processor", "cpu")}
    return {
        "device": kind,
        **computes,
        "torch": str(torch.__version__),
        "opencv": cv2.__version__,
        **_versions(),
        **{name: os.environ.get(name) for name in _VARIABLES},
    }


@lru_cache(maxsize=1)
def _versions() -> dict[str, str | None]:
    installed = named_versions()
    return {name: installed[name] for name in _PACKAGES}


def _file_digest(path: Path) -> str:
    """Return the SHA-256 of a weight file; a warm worker reads each once."""
    try:
        status = path.stat()
        return _digest_of(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise WeightsError(
            f"The weight file {path} cannot be read: {error.strerror or error}.",
            hint="Check the path.",
        ) from error


@lru_cache(maxsize=64)
def _digest_of(path: Path, _size: int, _modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
