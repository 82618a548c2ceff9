"""Driver and workers must run the same code."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import mpcs_bench
from mpcs_bench.engine.ray.cluster import Cluster
from mpcs_bench.engine.ray.code_identity import CodeIdentity, code_identity
from mpcs_bench.engine.ray.messages import Hello
from mpcs_bench.errors import BenchError

OURS = CodeIdentity("0.1.0", "a" * 64, "3.11", (("torch", "2.11.0"), ("timm", "1.0.15")))
PACKAGE = Path(mpcs_bench.__file__).parent


def test_code_equals_itself() -> None:
    assert code_identity().differences(code_identity()) == []


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (replace(OURS, version="0.2.0", source="b" * 64), "mpcs-bench 0.1.0, not 0.2.0"),
        (replace(OURS, source="b" * 64), "source of mpcs-bench 0.1.0"),
        (replace(OURS, python="3.12"), "Python 3.11, not 3.12"),
        (replace(OURS, packages=(("torch", "2.12.0"), ("timm", "1.0.15"))), "torch 2.11.0, not"),
        (replace(OURS, packages=(("torch", "2.11.0"),)), "timm 1.0.15, not missing"),
    ],
)
def test_each_difference_is_said_alone(theirs: CodeIdentity, said: str) -> None:
    (difference,) = OURS.differences(theirs)
    assert said in difference


def test_a_worker_with_other_code_is_refused_by_the_name_of_its_node() -> None:
    theirs = replace(code_identity(), source="b" * 64)
    with pytest.raises(BenchError, match="node far runs other code") as refused:
        Cluster.require_code(Hello(1, "far", "id", (), theirs))
    assert "every node" in (refused.value.hint or "")


def _identity_under(folder: Path) -> str:
    code = "from mpcs_bench.engine.ray.code_identity import *; print(code_identity().source)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,  # the first place where -c looks
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_copy_of_the_code_is_the_same_and_a_changed_line_is_not(tmp_path: Path) -> None:
    copy = tmp_path / "mpcs_bench"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    first = _identity_under(tmp_path)
    (copy / "_shipped").mkdir(exist_ok=True)  # as in a wheel
    (copy / "_shipped" / "protocol.yaml").write_text("name: shipped\n")
    assert _identity_under(tmp_path) == first
    with (copy / "errors.py").open("a") as file:
        file.write("# changed\n")
    assert _identity_under(tmp_path) != first
