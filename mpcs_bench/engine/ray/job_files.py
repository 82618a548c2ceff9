"""Which files a stage reads: what has to travel to a worker that does not see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.working import working_file
from mpcs_bench.records import read_result
from mpcs_bench.stages.job import StageJob

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class JobFile:
    """A file that a stage reads.

    `path` is the driver's; `place` where it belongs in a workspace, relative to its root, or None
    for a file from elsewhere (weights, plugins). `sha256` is given where it is known already.
    """

    path: str
    place: str | None = None
    sha256: str | None = None


def job_files(job: StageJob) -> tuple[JobFile, ...]:
    """Return the files that `job` reads, all of them on the driver's disk.

    Raises DataError and StoreError where the index or the upstream result cannot be read.
    """
    return (*_inputs(job), *_checkpoint(job), *_elsewhere(job))


def _inputs(job: StageJob) -> Iterator[JobFile]:
    index = job.cache / "index" / f"{job.fingerprint}.parquet"
    split = job.cache / "splits" / f"{job.split_hash}.parquet"
    for path in (index, split, _working(job.cache, job.fingerprint, job.image_size)):
        yield _inside(job, path)
    if job.upstream_key is not None:
        upstream = read_result(job.results / job.upstream_key)
        path = upstream.file(WEIGHTS)
        yield _inside(job, path, upstream.manifest.files[WEIGHTS])


def _checkpoint(job: StageJob) -> Iterator[JobFile]:
    """Yield the files of the newest checkpoint: a stage goes on from it wherever it runs next."""
    if not job.checkpoints.is_dir():
        return
    numbered = [path for path in job.checkpoints.iterdir() if path.name.isdecimal()]
    for folder in sorted(numbered, key=lambda path: int(path.name))[-1:]:
        for path in sorted(folder.iterdir()):
            yield _inside(job, path)


def _elsewhere(job: StageJob) -> Iterator[JobFile]:
    if job.weights_file is not None and job.upstream_key is None:
        yield JobFile(job.weights_file, sha256=job.hashed.get("weights"))
    for path in job.plugin_files:
        yield JobFile(str(Path(path).resolve()))


def _inside(job: StageJob, path: Path, sha256: str | None = None) -> JobFile:
    return JobFile(str(path), str(path.relative_to(job.workspace)), sha256)


@lru_cache(maxsize=64)
def _working(cache: Path, fingerprint: str, size: tuple[int, int] | None) -> Path:
    return working_file(SampleIndex.read(cache, fingerprint), size, cache)
