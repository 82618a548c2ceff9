"""From a stored result back to the job that made it: what it needs is found in the workspace."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mpcs_bench.check.digests import WEIGHTS
from mpcs_bench.data.splits import SplitTable
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import DataError
from mpcs_bench.records import Result, read_result
from mpcs_bench.stages.job import STAGE_VERSIONS, StageJob


@dataclass(frozen=True, slots=True)
class Impossible:
    """Why a stage cannot be run again here."""

    reason: str


class StoredJobs:
    """Makes jobs of stored results; results of a rerun go to the folder `place`."""

    def __init__(
        self, workspace: Workspace, place: Path, device: str | None, plugin_files: Sequence[str]
    ) -> None:
        self._workspace, self._place, self._device = workspace, place, device
        self._plugin_files = tuple(plugin_files)
        self._splits: list[SplitTable] | None = None

    def job(self, result: Result) -> StageJob | Impossible:
        """Return the job of `result`, upstream not looked at."""
        hashed = dict(result.spec.spec)
        kind = result.spec.kind
        if STAGE_VERSIONS.get(kind) != result.spec.stage_version:
            return Impossible(
                f"it was made by version {result.spec.stage_version} of the stage '{kind}', and "
                f"this mpcs-bench has version {STAGE_VERSIONS.get(kind)}"
            )
        data, spec = hashed["data"], hashed["spec"]
        index = self._workspace.cache / "index" / f"{data['fingerprint']}.parquet"
        if not index.is_file():
            return Impossible(f"its sample index {index.name} is gone from the cache")
        split = self._split(int(spec["fold"]), data["split"])
        if split is None:
            return Impossible("its split is gone from the cache")
        weights = self._weights(str(hashed["weights"]))
        if isinstance(weights, Impossible):
            return weights
        size = data["image_size"]
        return StageJob(
            key=result.key,
            kind=kind,
            symbolic=result.spec.symbolic,
            spec=dict(spec),
            fingerprint=data["fingerprint"],
            split_hash=split,
            image_size=None if size is None else (int(size[0]), int(size[1])),
            group_column=data["group"],
            workspace=str(self._place),
            device=self._device or str(result.manifest.environment.get("device", "cpu")),
            weights_file=weights,
            upstream_key=hashed["upstream"],
            plugin_files=self._plugin_files,
            hashed=hashed,
            axes=None if result.spec.axes is None else dict(result.spec.axes),
        )

    def upstream(self, job: StageJob) -> Result | Path | Impossible | None:
        """Return the upstream result that must run first, the folder that stands, or None."""
        if job.upstream_key is None:
            return None
        folder = self._workspace.results / job.upstream_key
        if (folder / WEIGHTS).is_file():
            return folder
        if not (folder / "manifest.json").is_file():
            return Impossible(f"its pre-training {job.upstream_key[:12]} is gone")
        return read_result(folder)

    def _split(self, fold: int, fold_hash: str) -> str | None:
        """Return the hash of the split that has this fold: a result knows its fold alone."""
        if self._splits is None:
            self._splits = []
            for path in sorted((self._workspace.cache / "splits").glob("*.parquet")):
                try:
                    self._splits.append(SplitTable.read(self._workspace.cache, path.stem))
                except DataError:
                    continue  # a damaged one is as good as none
        for split in self._splits:
            if fold in split.folds and split.fold_hash(fold) == fold_hash:
                return split.hash
        return None

    def _weights(self, digest: str) -> str | Impossible | None:
        """Return the file whose digest a result holds; a word such as `none` needs no file."""
        if len(digest) != 64:
            return None
        for path in _remembered(self._workspace.cache / "file-digests.json", digest):
            return str(path)
        return Impossible(f"no weight file with SHA-256 {digest[:12]}... is known here")


def _remembered(store: Path, digest: str) -> Iterator[Path]:
    """Yield the files that had this digest when a plan was made, and have not changed since."""
    try:
        known = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    for name, found in known.items():
        path, size, modified = name.rsplit("|", 2)
        place = Path(path)
        if found == digest and place.is_file():
            status = place.stat()
            if (str(status.st_size), str(status.st_mtime_ns)) == (size, modified):
                yield place
