"""Check and time all that needs a GPU, in one run of some minutes, and print one table.

    python tests/benchmarks/gpu.py [--minutes 8] [--json FILE] [--only PART ...]
    python tests/benchmarks/gpu.py --dry      # the same code on the CPU, in tiny sizes

Runs from a checkout that is not installed, and downloads nothing. Each part is a process of its
own with a time of its own: what fails, hangs or dies becomes a row of the table. A part imports
what it needs; where that is missing, its row says so.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, distribution, version
from multiprocessing.connection import Connection
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT), str(ROOT / "plugins")]

from aims import Row  # noqa: E402
from gpu_parts import Asked, Part  # noqa: E402

from mpcs_bench.engine.worker_environment import worker_environment  # noqa: E402

PARTS = (
    Part("device", "gpu_networks", "device", 30),
    Part("syncs", "gpu_stages", "syncs", 40),
    Part("rendering", "gpu_rendering", "rendering", 30),
    Part("equality", "gpu_stages", "equality", 40),
    Part("steps", "gpu_stages", "steps", 60),
    Part("nt-xent", "gpu_networks", "nt_xent", 20),
    Part("eager", "gpu_networks", "eager", 50),
    Part("at-once", "gpu_at_once", "at_once", 50),
    Part("tests", "gpu_tests", "tests", 100),
    Part("budget", "gpu_networks", "budgets", 150),
    Part("compiled", "gpu_networks", "compiled", 150),
)
"""In the order of what is asked first; each with the most seconds that it may take."""

LEAST = 5.0
"""Seconds without which a part is not begun."""

ENDING = 10.0
"""Seconds that are kept for stopping the last part and printing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts; return 2 where there is no GPU and none was renounced, else 0."""
    asked = _arguments(arguments)
    device = "cpu" if asked.dry else "cuda"
    if device == "cuda" and shutil.which("nvidia-smi") is None:
        print("There is no GPU here (no nvidia-smi): use --dry.", file=sys.stderr)
        return 2
    deadline = time.monotonic() + 60 * asked.minutes - ENDING
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="mpcs-gpu-") as folder, worker_environment(1):
        _as_installed(Path(folder, "installed"))
        _import_once()
        for part in PARTS:
            if asked.only and part.name not in asked.only:
                continue
            begun = time.monotonic()
            most = min(part.seconds, deadline - begun)
            made = _run(part, device, Path(folder), most)
            rows += made
            spent = time.monotonic() - begun
            print(f"{part.name}: {len(made)} rows, {spent:.0f} s", file=sys.stderr, flush=True)
            if asked.json:  # whatever ends the run, this much is there
                asked.json.write_text(_as_json(device, rows), encoding="utf-8")
    print(_markdown(device, rows))
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dry", action="store_true", help="on the CPU, in tiny sizes")
    parser.add_argument("--minutes", type=float, default=8.0, help="after which nothing is begun")
    parser.add_argument("--json", type=Path, help="write device and rows there too")
    names = [part.name for part in PARTS]
    parser.add_argument("--only", nargs="+", choices=names, default=[], metavar="PART")
    return parser.parse_args(arguments)


def _run(part: Part, device: str, folder: Path, seconds: float) -> list[Row]:
    """Run a part in a process of its own; what it has not said when its time is up is a row."""
    if seconds < LEAST:
        return [Row(part.name, "not run", "", None, "no time was left")]
    context = multiprocessing.get_context("fork")  # what is imported is imported once
    ours, theirs = context.Pipe(duplex=False)
    until = time.monotonic() + seconds
    process = context.Process(
        target=_part, args=(part, Asked(device, folder / part.name, until, theirs), ours)
    )
    process.start()
    theirs.close()
    rows: list[Row] = []
    ended = False
    with suppress(EOFError):
        while ours.poll(max(0.0, until - time.monotonic())):
            row = ours.recv()
            ended = row is None
            if ended:
                break
            rows.append(row)
    if not ended:
        process.join(0.5)
        code = process.exitcode
        what = f"stopped after {seconds:.0f} s" if code is None else f"died ({code})"
        rows.append(Row(part.name, what, "", None, "the rest of it is unknown"))
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid or 0, signal.SIGKILL)  # it leads a group: all that it started
    process.join(5)
    return rows


def _part(part: Part, asked: Asked, other_end: Connection) -> None:
    other_end.close()
    os.setsid()
    asked.folder.mkdir()
    os.dup2(os.open(asked.folder / "log.txt", os.O_CREAT | os.O_WRONLY), 1)
    os.dup2(1, 2)
    try:
        getattr(importlib.import_module(part.module), part.function)(asked)
    except BaseException as error:
        traceback.print_exc()
        said = str(error).strip().partition("\n")[0][:160]
        asked.row(part.name, f"{type(error).__name__}: {said}", "", None, "the part failed")
    asked.answers.send(None)
    asked.answers.close()
    os._exit(0)


def _as_installed(folder: Path) -> None:
    """Let a checkout that is not installed have its plugins, by a record of its entry points."""
    with suppress(PackageNotFoundError):
        distribution("mpcs-bench")
        return
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    record = folder / "mpcs_bench-0.dist-info"
    record.mkdir(parents=True)
    record.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: mpcs-bench\nVersion: 0\n")
    lines: list[str] = []
    for group, entries in project.get("entry-points", {}).items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    record.joinpath("entry_points.txt").write_text("\n".join(lines) + "\n")
    sys.path.append(str(folder))


def _import_once() -> None:
    """Import what all parts need before they part; nothing here may touch the GPU."""
    for name in ("torch", "timm", "mpcs_bench.stages.optimization"):
        with suppress(ImportError):  # the parts will say so
            importlib.import_module(name)


def _place(device: str) -> str:
    if device == "cpu":
        name = "dry run on the CPU: the numbers mean nothing"
    else:
        query = [
            "nvidia-smi",
            "--query-gpu=name,memory.total,driver_version",
            "--format=csv,noheader",
        ]
        found = subprocess.run(query, capture_output=True, text=True, check=False)
        name = "; ".join(found.stdout.strip().splitlines()) or "unknown GPU"
    packages = ", ".join(f"{name} {_version(name)}" for name in ("torch", "timm", "triton"))
    return f"{name}; Python {platform.python_version()}, {packages}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _markdown(device: str, rows: Sequence[Row]) -> str:
    lines = [f"Device: {_place(device)}.", "", "| what | measured | aim | | note |"]
    lines.append("|---|---|---|---|---|")
    for row in rows:
        cells = (row.what, row.measured, row.aim, row.verdict, row.note)
        lines.append("| " + " | ".join(text.replace("|", "/") for text in cells) + " |")
    return "\n".join(lines)


def _as_json(device: str, rows: Sequence[Row]) -> str:
    return json.dumps({"device": _place(device), "rows": [asdict(row) for row in rows]}, indent=1)


if __name__ == "__main__":
    sys.exit(main())
