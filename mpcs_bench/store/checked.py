"""Which results on disk are whole enough to be loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mpcs_bench.records import Result, check_result, read_result
from mpcs_bench.records.files import REQUIRED


def whole_results(
    paths: Iterable[Path],
) -> tuple[Sequence[Result], dict[Path, tuple[str, ...]]]:
    """Return the whole results among `paths`, one per key, and what is wrong with the others.

    Only the files that the database takes in are hashed: weights may be gigabytes.
    """
    whole: dict[str, Result] = {}
    damaged: dict[Path, tuple[str, ...]] = {}
    for path in paths:
        problems = check_result(path, only=REQUIRED)
        if problems:
            damaged[path] = tuple(problems)
            continue
        result = read_result(path)
        whole.setdefault(result.key, result)
    return list(whole.values()), damaged
