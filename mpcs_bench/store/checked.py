"""Which results on disk are whole enough to be loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mpcs_bench.records import Result, SeenResults, check_result, read_result, stamp_of
from mpcs_bench.records.files import REQUIRED


def whole_results(
    paths: Iterable[Path], seen: SeenResults, *, just_made: bool
) -> tuple[Sequence[Result], dict[Path, tuple[str, ...]]]:
    """Return the whole results among `paths`, one per key, and what is wrong with the others.

    Only the files that the database takes in are read and hashed: weights may be gigabytes. `seen`
    remembers the results that are whole; one with further files only where it was `just_made`.
    """
    whole: dict[str, Result] = {}
    damaged: dict[Path, tuple[str, ...]] = {}
    for path in paths:
        stamp = stamp_of(path)  # before they are read: what changes meanwhile must not pass
        problems = check_result(path, only=REQUIRED)
        if problems:
            damaged[path] = tuple(problems)
            continue
        result = read_result(path)
        if stamp is not None and (just_made or result.manifest.files.keys() <= set(REQUIRED)):
            seen.add(result.key, stamp)
        whole.setdefault(result.key, result)
    seen.save()
    return list(whole.values()), damaged
