"""What is recorded of code, packages and machine."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
import torch

from mpcs_bench.environment import code_version, describe, installed
from mpcs_bench.environment.code import DIFF, checkout_of, source_digest
from mpcs_bench.environment.machine import driver_in

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def test_a_description_is_plain_values_and_names_what_numbers_depend_on() -> None:
    found = describe("cpu")
    assert json.loads(json.dumps(found)) == found
    assert found["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert found["threads"] == torch.get_num_threads()
    assert found["settings"]["cudnn_tf32"] == torch.backends.cudnn.allow_tf32
    assert found["cpu"] == torch.backends.cpu.get_cpu_capability()
    assert {"host", "processor", "platform", "python", "device"} <= found.keys()


def test_everything_that_we_stand_on_is_listed_and_what_merely_is_there_is_not() -> None:
    found = installed()
    assert {"mpcs-bench", "torch", "duckdb", "markupsafe"} <= found.keys()  # jinja2 needs the last
    assert not {"pytest", "ruff", "mypy"} & found.keys()


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="no checkout")
def test_the_code_of_a_checkout_is_its_commit_and_what_git_diff_prints() -> None:
    code_version.cache_clear()
    found = code_version()
    commit = subprocess.run(
        ["git", "-C", REPOSITORY, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    assert found["commit"] == commit.stdout.strip()
    diff = subprocess.run(["git", "-C", REPOSITORY, *DIFF], capture_output=True, check=True)
    expected = hashlib.sha256(diff.stdout).hexdigest() if diff.stdout else None
    assert found["diff"] == expected
    assert found["plugins"]["mpcs_paper"] == source_digest(REPOSITORY / "plugins/mpcs_paper")


def test_a_copy_is_of_the_checkout_that_it_was_installed_from_while_both_are_equal(
    tmp_path: Path,
) -> None:
    checkout = tmp_path / "a checkout"
    for name in ("mpcs_bench", "plugins/paper"):
        (checkout / name).mkdir(parents=True)
        (checkout / name / "one.py").write_text("a = 1\n")
    source = source_digest(checkout / "mpcs_bench")
    plugins = {"paper": source_digest(checkout / "plugins/paper"), "strangers": "another digest"}
    assert checkout_of(checkout.as_uri(), source, plugins) is None, "no repository"
    (checkout / ".git").mkdir()
    assert checkout_of(checkout.as_uri(), source, plugins) == checkout
    assert checkout_of("https://example.org/a.zip", source, plugins) is None
    assert checkout_of("", source, plugins) is None
    (checkout / "plugins/paper/one.py").write_text("a = 2\n")
    assert checkout_of(checkout.as_uri(), source, plugins) is None, "it has moved on"


def test_a_digest_of_sources_changes_with_names_and_contents_of_modules_alone(
    tmp_path: Path,
) -> None:
    package = tmp_path / "package"
    (package / "inner").mkdir(parents=True)
    (package / "one.py").write_text("a = 1\n")
    (package / "inner" / "two.py").write_text("b = 2\n")
    before = source_digest(package)
    (package / "data.csv").write_text("1,2\n")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "one.cpython-311.pyc").write_bytes(b"\0")
    assert source_digest(package) == before
    assert source_digest(package.rename(tmp_path / "elsewhere")) == before
    moved = tmp_path / "elsewhere"
    (moved / "inner" / "two.py").rename(moved / "inner" / "three.py")
    renamed = source_digest(moved)
    (moved / "one.py").write_text("a = 2\n")
    assert len({before, renamed, source_digest(moved)}) == 3


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC "
            "2024\nGCC version:  gcc version 11.4.0\n",
            "535.183.01",
        ),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build\n",
            "550.54.15",
        ),
        ("something else\n", None),
    ],
)
def test_the_driver_is_read_from_its_own_file(text: str, version: str | None) -> None:
    assert driver_in(text) == version
