"""Encodings on disk: features with what they were made from, checked whenever they are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mpcs_bench.data.atomic import appearing
from mpcs_bench.protocol.canonical import canonical_json, digest

Float32 = npt.NDArray[np.float32]

FOLDER = "encodings"
SUFFIX = ".safetensors"
NOTED = "encodings"
"""Under this name a result notes the keys of the encodings that it rests on."""

_TENSOR = "features"
_DAMAGED = (OSError, SafetensorError, ValueError, KeyError, TypeError)


def encoding_file(cache: Path, key: str) -> Path:
    """Return where the encoding with this key stands, or would stand."""
    return cache / FOLDER / f"{key}{SUFFIX}"


def lock_file(cache: Path, key: str) -> Path:
    """Return the file that is locked by who makes an encoding.

    A killed process leaves it, which hinders nobody; its name is that of a temporary, so that it
    goes with those.
    """
    return cache / FOLDER / f".{key}.lock.tmp"


def write_encoding(path: Path, facts: Mapping[str, Any], features: Float32) -> None:
    """Write float32 `features[n, d]` and what they are of; whole, or not at all.

    Raises DataError where the disk is full or the cache cannot be written.
    """
    features = np.ascontiguousarray(features)
    content = {"facts": canonical_json(dict(facts)), "sha256": _sha256(features)}
    data = save({_TENSOR: features}, metadata=content)
    with appearing(path, len(data)) as temporary:
        temporary.write_bytes(data)


def read_encoding(path: Path, rows: int) -> Float32 | None:
    """Return the features [rows, d] of a file that is there, whole, and called by its key."""
    try:
        with safe_open(path, framework="numpy") as file:
            features: Float32 = file.get_tensor(_TENSOR)
            content = file.metadata()
        whole = features.dtype == np.float32 and features.ndim == 2 and len(features) == rows
        named = digest(json.loads(content["facts"])) == path.stem
        if whole and named and content["sha256"] == _sha256(features):
            return features
    except _DAMAGED:
        pass
    return None


def read_facts(path: Path) -> dict[str, Any] | None:
    """Return what an encoding is of, None where it is gone or damaged; reads no features."""
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads(file.metadata()["facts"])
    except _DAMAGED:
        return None
    return facts if isinstance(facts, dict) else None


def _sha256(features: Float32) -> str:
    return hashlib.sha256(features.data).hexdigest()
