"""Where a data set's archive is unpacked to, and which folder in it is the data set's root."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import BenchError, DataError, did_you_mean
from mpcs_bench.protocol.load import LoadedProtocol, expand_variables
from mpcs_bench.protocol.schema import DatasetSettings
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.registry.registry import Registry

DEPTH = 3
"""Folders in an archive that may lie around the data set's root."""
_ONE_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}")


@dataclass(frozen=True, slots=True)
class ArchiveRoot:
    """The folder for the archive of data set `name`.

    `named`: `--data` or the protocol names it; otherwise it lies in the workspace, and runs have
    to be told. `variable`: the environment variable that would tell them, where there is one.
    """

    name: str
    folder: Path
    settings: DatasetSettings
    named: bool
    variable: str | None


def archive_root(
    name: str, protocols: Sequence[LoadedProtocol], workspace: Workspace
) -> ArchiveRoot:
    """Return where the archive of data set `name` belongs: its root, or `<workspace>/data/name`.

    Raises BenchError where no protocol has such a data set, or two of them place it differently.
    """
    settings = [p.protocol.datasets[name] for p in protocols if name in p.protocol.datasets]
    if not settings:
        known = sorted({known for p in protocols for known in p.protocol.datasets})
        raise BenchError(
            f"--archive names '{name}', which is not a data set of "
            f"{', '.join(p.protocol.name for p in protocols)}.{did_you_mean(name, known)}",
            hint=f"Data sets: {', '.join(known) or 'none'}.",
        )
    roots = [_expanded(item.root) for item in settings]
    if len(set(roots)) > 1:
        places = ", ".join(str(root or "nowhere") for root in dict.fromkeys(roots))
        raise BenchError(
            f"The protocols place the data set '{name}' differently: {places}.",
            hint=f"Give its folder with --data {name}=PATH.",
        )
    match = _ONE_VARIABLE.fullmatch(settings[0].root or "")
    return ArchiveRoot(
        name=name,
        folder=(roots[0] or workspace.root / "data" / name).resolve(),
        settings=settings[0],
        named=roots[0] is not None,
        variable=match[1] if match else None,
    )


def root_within(folder: Path, settings: DatasetSettings, registry: Registry) -> Path:
    """Return `folder`, or the first folder below it in which the data set finds its images.

    Archives differ in how many folders lie around the images. Where none of them is the data
    set's, `folder` itself is returned: whoever reads it says what is wrong.
    """
    resolved = registry.resolve("dataset", settings.plugin, settings.params)
    dataset = registry.create(resolved, Dataset)
    level = [folder]
    for _ in range(DEPTH + 1):
        for place in level:
            if _is_root(dataset, place):
                return place
        level = [item for place in level for item in sorted(place.iterdir()) if item.is_dir()]
    return folder


def _is_root(dataset: Dataset, place: Path) -> bool:
    try:
        return bool(dataset.scan(place).samples)
    except DataError:
        return False


def _expanded(root: str | None) -> Path | None:
    """Return the folder that a protocol names, or None where its variable is not set."""
    if root is None:
        return None
    text, missing = expand_variables(root)
    return None if missing else Path(text).expanduser()
