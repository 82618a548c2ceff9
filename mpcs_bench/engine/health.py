"""What this machine can do, and what is missing: the facts behind `doctor`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mpcs_bench.engine.health_finding import HealthFinding, Level
from mpcs_bench.engine.health_speed import speed_findings
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import BenchError

GIB = 2**30


def examine(workspace: Workspace) -> list[HealthFinding]:
    """Look at packages, device, speed, disk, plugins and the workspace; takes some seconds."""
    place = _place(workspace)
    return [
        *_packages(),
        *_device(),
        *(speed_findings(place) if place.is_dir() else ()),
        *_disk(place),
        *_plugins(),
        *_store(workspace),
    ]


def _place(workspace: Workspace) -> Path:
    """Return the folder of the workspace, or the one that it would be made in."""
    return workspace.root if workspace.root.is_dir() else workspace.root.absolute().parent


def _packages() -> Iterator[HealthFinding]:
    for name in ("torch", "torchvision", "timm", "duckdb", "imagecodecs", "opencv-python-headless"):
        try:
            yield HealthFinding("ok", name, version(name))
        except PackageNotFoundError:
            yield HealthFinding("wrong", name, "not installed", f"pip install {name}")


def _device() -> Iterator[HealthFinding]:
    import torch

    if not torch.cuda.is_available():
        yield HealthFinding(
            "note", "device", "no CUDA device", "Full-size protocols need a GPU; small ones do not."
        )
        return
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        memory = properties.total_memory / GIB
        yield HealthFinding("ok", f"cuda:{number}", f"{properties.name}, {memory:.0f} GiB")


def _disk(place: Path) -> Iterator[HealthFinding]:
    if not place.is_dir():
        yield HealthFinding("wrong", "workspace", f"{place} is no folder", "Use --workspace.")
        return
    free = shutil.disk_usage(place).free / GIB
    level: Level = "ok" if free >= 10 else "note"
    advice = "" if free >= 10 else "BreakHis decodes to 7.6 GB once."
    yield HealthFinding(level, "free disk", f"{free:.1f} GiB at {place}", advice)


def _plugins() -> Iterator[HealthFinding]:
    from mpcs_bench.registry.registry import Registry

    entries = Registry.discover().entries()
    broken = [entry for entry in entries if entry.reason is not None]
    yield HealthFinding("ok", "plugins", f"{len(entries) - len(broken)} work")
    for entry in broken:
        advice = f"mpcs-bench plugins show {entry.full_name}"
        yield HealthFinding("wrong", f"plugin {entry.full_name}", str(entry.reason), advice)


def _store(workspace: Workspace) -> Iterator[HealthFinding]:
    from mpcs_bench.records import check_result, result_folders
    from mpcs_bench.store import Store

    if not workspace.root.is_dir():
        yield HealthFinding("note", "workspace", f"none at {workspace.root} yet")
        return
    try:
        workspace.create()
    except BenchError as error:
        yield HealthFinding("wrong", "workspace", error.message, error.hint or "")
        return
    checked = {
        key: check_result(workspace.results / key) for key in result_folders(workspace.results)
    }
    damaged = {key: problems for key, problems in checked.items() if problems}
    yield HealthFinding("ok", "results", f"{len(checked) - len(damaged)} whole on disk")
    for key, problems in damaged.items():
        advice = "Run its protocol again: the stage runs anew, and this folder is kept aside."
        yield HealthFinding("wrong", f"result {key[:12]}", "; ".join(problems), advice)
    try:
        waiting = Store(workspace.root).uncommitted()
    except BenchError as error:
        yield HealthFinding("wrong", "database", error.message, error.hint or "")
        return
    if waiting:
        advice = "Run the protocol again: they are committed first."
        yield HealthFinding("note", "database", f"{len(waiting)} results wait", advice)
    else:
        yield HealthFinding("ok", "database", "holds every result")
