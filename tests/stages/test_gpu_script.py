"""The script for a GPU: its parts run on the CPU, and what goes wrong with one is a row."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import gpu
import pytest
from gpu_parts import Asked, Part

SCRIPT = Path(gpu.__file__)


def breaks(asked: Asked) -> None:
    """Fail after one answer."""
    asked.row("before", "1")
    raise ValueError("it broke")


def hangs(asked: Asked) -> None:
    """Never end, nor let the process that it started end."""
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    asked.row("before", "1")
    time.sleep(600)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module that holds the functions above."""
    monkeypatch.setitem(sys.modules, "parts_of_this_test", sys.modules[__name__])
    return "parts_of_this_test"


def test_a_part_that_fails_is_a_row_beside_what_it_said(here: str, tmp_path: Path) -> None:
    rows = gpu._run(Part("fragile", here, "breaks", 30), "cpu", tmp_path, 30)
    assert [(row.what, row.measured) for row in rows] == [
        ("before", "1"),
        ("fragile", "ValueError: it broke"),
    ]


def test_a_part_that_hangs_is_stopped_in_its_time(
    here: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "LEAST", 0.0)
    begun = time.monotonic()
    rows = gpu._run(Part("slow", here, "hangs", 2), "cpu", tmp_path, 2)
    assert time.monotonic() - begun < 30
    assert [(row.what, row.measured) for row in rows] == [
        ("before", "1"),
        ("slow", "stopped after 2 s"),
    ]


def test_without_a_gpu_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu.main([]) == 2
    assert "--dry" in capsys.readouterr().err


@pytest.mark.slow
def test_dry_all_parts_run(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    command = [sys.executable, str(SCRIPT), "--dry", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    rows = json.loads(file.read_text())["rows"]
    for word in ("failed", "unknown", "left"):  # the notes of parts that did not do it all
        assert not [row for row in rows if word in row["note"]]
    for part in gpu.PARTS:
        assert f"{part.name}: " in done.stderr
    assert done.stdout.count("\n") == len(rows) + 4
    assert [row["what"] for row in rows if row["met"] is False] == []
