"""Which code this is: commit, what differs from it, and digests of the sources that run."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
from functools import lru_cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import Any

import mpcs_bench

PLUGIN_GROUPS = "mpcs_bench."
"""What the names of our entry point groups begin with."""

CODE = ("mpcs_bench", "plugins")
"""The folders of a checkout whose files run; a workspace in the checkout is no code."""

DIFF = ("diff", "HEAD", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--", *CODE)


@lru_cache(maxsize=1)
def code_version() -> dict[str, Any]:
    """Return the code of this process, as plain values.

    `commit` and `dirty` (does its code differ? a new file that git does not know yet counts) are
    None where it runs from no checkout; `diff` is the SHA-256 of what `git diff` prints, None
    where that is nothing; `source` the digest of our own modules, and `plugins` that of each
    package that registers plugins, by import name.
    """
    package = Path(mpcs_bench.__file__).resolve().parent
    return {
        **_checkout(package.parent),
        "source": source_digest(package),
        "plugins": dict(sorted(_plugin_digests().items())),
    }


def source_digest(place: Path) -> str:
    """Return the SHA-256 over names and contents of all Python files of a package (or module).

    It says which code ran where there is no checkout, and which files git does not know.
    """
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    state = hashlib.sha256()
    for file in files:
        name = file.name if file == place else file.relative_to(place).as_posix()
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        state.update(f"{name}\n{content}\n".encode())
    return state.hexdigest()


def _checkout(folder: Path) -> dict[str, Any]:
    if not (folder / ".git").exists():
        return {"commit": _installed_commit(), "dirty": None, "diff": None}
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--", *CODE)
    diff = _git(folder, *DIFF) if changes else None
    return {
        "commit": None if commit is None else commit.decode().strip(),
        "dirty": None if changes is None else bool(changes.strip()),
        "diff": hashlib.sha256(diff).hexdigest() if diff else None,
    }


def _installed_commit() -> str | None:
    """Return the commit that pip installed from, where it was told a repository."""
    try:
        written = distribution("mpcs-bench").read_text("direct_url.json")
        return str(json.loads(written or "{}")["vcs_info"]["commit_id"])
    except (PackageNotFoundError, ValueError, KeyError, TypeError):
        return None


def plugin_points() -> list[EntryPoint]:
    """Return the entry points by which installed packages register plugins and protocols."""
    groups = [name for name in entry_points().groups if name.startswith(PLUGIN_GROUPS)]
    return [point for name in groups for point in entry_points(group=name)]


def _plugin_digests() -> dict[str, str]:
    found = {}
    for name in {point.value.partition(":")[0].partition(".")[0] for point in plugin_points()}:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            continue  # it cannot be imported, so no result came from it
        if spec is None:
            continue
        places = list(spec.submodule_search_locations or ([spec.origin] if spec.origin else []))
        if places:
            found[name] = source_digest(Path(places[0]))
    return found


def _git(folder: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
