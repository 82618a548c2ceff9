"""The part of `gpu.py` that runs the suite's own tests for a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gpu_parts import Asked

ROOT = Path(__file__).resolve().parents[2]
FILES = tuple(f"tests/stages/test_{name}.py" for name in ("images", "waiting", "compiling"))


def tests(asked: Asked) -> None:
    """Run the tests of the suite that need a GPU."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
    command += [f"--basetemp={asked.folder / 'pytest'}", *FILES[: 1 if asked.dry else None]]
    # A checkout that is not installed is found, with its plugins, where this process finds it.
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=env)
    lines = (done.stdout.strip() or done.stderr.strip() or "nothing").splitlines()
    passed = done.returncode == 0 and "passed" in lines[-1]
    # Without a GPU all of them are skipped, which says nothing.
    met = None if asked.dry else passed
    asked.row("tests of the suite that need a GPU", lines[-1][:120], "pass", met)
