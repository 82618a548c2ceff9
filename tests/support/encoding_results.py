"""What tests look at of linear evaluations and their encodings."""

from __future__ import annotations

from pathlib import Path

from mpcs_bench.records import Result, check_result, read_result
from mpcs_bench.stages.job import StageJob


def keys(result: Result) -> list[str]:
    found: list[str] = result.manifest.notes["encodings"]
    return found


def files(job: StageJob) -> dict[str, str]:
    """Digests of the files of a result, which must be whole."""
    assert check_result(job.results / job.key) == []
    return dict(read_result(job.results / job.key).manifest.files)


def encodings(job: StageJob) -> list[Path]:
    return sorted(job.cache.glob("encodings/[!.]*"))


def left_over(job: StageJob) -> list[Path]:
    return sorted(job.cache.glob("encodings/.*"))
