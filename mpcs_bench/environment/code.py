"""Which code this is: commit, what differs from it, and digests of the sources that run."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

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
    None where it runs from no checkout, nor was installed from one that still has this code;
    `diff` is the SHA-256 of what `git diff` prints, None where that is nothing; `source` the
    digest of our own modules, and `plugins` that of each package that registers plugins, by
    import name.
    """
    package = Path(mpcs_bench.__file__).resolve().parent
    source, plugins = source_digest(package), dict(sorted(_plugin_digests().items()))
    here = package.parent
    if not (here / ".git").exists():
        here = checkout_of(_installed_from().get("url", ""), source, plugins) or here
    return {**_checkout(here), "source": source, "plugins": plugins}


def checkout_of(url: str, source: str, plugins: Mapping[str, str]) -> Path | None:
    """Return the checkout at a `file:` URL where its code is the code with these digests.

    pip copies what it installs from a folder: the folder may have moved on, and then its commit
    says nothing. Of `plugins` only those that it holds are compared.
    """
    parts = urlsplit(url)
    folder = Path(url2pathname(parts.path))
    if parts.scheme != "file" or not (folder / ".git").exists():
        return None
    own = {name: digest for name, digest in plugins.items() if (folder / "plugins" / name).is_dir()}
    same = source_digest(folder / "mpcs_bench") == source and all(
        source_digest(folder / "plugins" / name) == digest for name, digest in own.items()
    )
    return folder if same else None


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
    commit = _installed_from().get("vcs_info", {}).get("commit_id")
    return None if commit is None else str(commit)


def _installed_from() -> dict[str, Any]:
    """Return what pip wrote of where it installed this package from (PEP 610)."""
    try:
        written = distribution("mpcs-bench").read_text("direct_url.json")
        found = json.loads(written or "{}")
    except (PackageNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


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
