"""Which code a process runs: driver and workers must run the same."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import mpcs_bench

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "scipy",
    "scikit-learn",
    "opencv-python-headless",
    "pyarrow",
    "pandas",
)
"""What decides numbers, or reads the files that travel."""

_NO_CODE = {"__pycache__", "_shipped"}  # a wheel has the second, a checkout has not


@dataclass(frozen=True, slots=True)
class CodeIdentity:
    """Version and source digest (SHA-256) of mpcs-bench, and the versions of what it rests on.

    `packages` holds public versions: torch 2.11+cu130 and 2.11+cpu count as one.
    """

    version: str
    source: str
    python: str
    packages: tuple[tuple[str, str | None], ...]

    def differences(self, other: CodeIdentity) -> list[str]:
        """Return in what `other` differs, `name ours, not theirs` each; none where they agree."""
        found = _differing("mpcs-bench", self.version, other.version)
        if not found and self.source != other.source:
            found = [
                f"the source of mpcs-bench {self.version} (SHA-256 {self.source[:12]}, not "
                f"{other.source[:12]})"
            ]
        found += _differing("Python", self.python, other.python)
        theirs = dict(other.packages)
        for name, ours in self.packages:
            found += _differing(name, ours, theirs.get(name))
        return found


@lru_cache(maxsize=1)
def code_identity() -> CodeIdentity:
    """Return the identity of the code that this process runs; reads the package's files once."""
    return CodeIdentity(
        version=mpcs_bench.__version__,
        source=_source_digest(Path(mpcs_bench.__file__).resolve().parent),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        packages=tuple((name, _public_version(name)) for name in PACKAGES),
    )


def _differing(name: str, ours: str | None, theirs: str | None) -> list[str]:
    if ours == theirs:
        return []
    return [f"{name} {ours or 'missing'}, not {theirs or 'missing'}"]


def _source_digest(package: Path) -> str:
    state = hashlib.sha256()
    for path in sorted(_files(package)):
        content = path.read_bytes()
        state.update(f"{path.relative_to(package).as_posix()}\0{len(content)}\0".encode())
        state.update(content)
    return state.hexdigest()


def _files(package: Path) -> Iterator[Path]:
    for path in package.rglob("*"):
        if path.is_file() and not _NO_CODE.intersection(path.relative_to(package).parts):
            yield path


def _public_version(package: str) -> str | None:
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return None
