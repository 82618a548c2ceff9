"""From a published archive to data that a protocol can use, on the command line."""

from __future__ import annotations

import shutil
import signal
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., Any]
Write = Callable[..., Path]
ROOT = "TINY_TISSUE_ROOT"


@pytest.fixture
def archive(tiny_breakhis: Path, tmp_path: Path) -> Path:
    """The tiny data set as a data set is published: one folder in a tar.gz."""
    return Path(shutil.make_archive(str(tmp_path / "BreaKHis_v1"), "gztar", tiny_breakhis))


@pytest.fixture
def protocol(tiny_protocol: Write, tiny_breakhis: Path) -> Path:
    """The tiny protocol, whose data are where an environment variable says."""
    return tiny_protocol((f"root: {tiny_breakhis}", f"root: ${{{ROOT}}}"))


def test_an_archive_without_a_root_goes_into_the_workspace_and_its_use_is_told(
    bench: Bench, archive: Path, protocol: Path, tmp_path: Path
) -> None:
    done = bench("data", "prepare", protocol, "--archive", f"tissue={archive}")
    assert done.code == 0, done.err
    root = tmp_path / "mpcs-workspace/data/tissue"
    assert f"export {ROOT}={root}, or --data tissue={root}" in done.out
    assert "tissue: ready, fingerprint" in done.out
    told = bench("plan", protocol, "--json", env={ROOT: str(root)})
    assert told.json["blocked"] == []


def test_an_archive_goes_into_the_root_that_is_named(
    bench: Bench, archive: Path, protocol: Path, tmp_path: Path
) -> None:
    prepare = ("data", "prepare", protocol, "--archive", f"tissue={archive}", "--json")
    root = tmp_path / "mine"
    for options, env in ((("--data", "tissue=mine"), {}), ((), {ROOT: str(root)})):
        done = bench(*prepare, *options, env=env)
        assert done.code == 0, done.err
        (facts,) = done.json["unpacked"]
        assert (facts["root"], facts["usage"], facts["files"]) == (str(root), None, 96)
        assert facts["already"] == (not options), "the second finds what the first unpacked"
        assert [row["dataset"] for row in done.json["ready"]] == ["tissue"]


def test_a_misspelt_data_set_is_said_before_anything_is_unpacked(
    bench: Bench, archive: Path, protocol: Path, tmp_path: Path
) -> None:
    done = bench("data", "prepare", protocol, "--archive", f"tisue={archive}")
    assert done.code == 2
    assert "'tisue', which is not a data set of tiny. Did you mean 'tissue'?" in done.err
    assert not (tmp_path / "mpcs-workspace/data").exists()


def test_verify_holds_files_to_the_archive(bench: Bench, archive: Path, tmp_path: Path) -> None:
    assert bench("data", "unpack", archive, "tree").code == 0
    verify = ("data", "verify", "breakhis", "tree")
    assert "96 files as unpacked from BreaKHis_v1.tar.gz" in bench(*verify).out
    first, second, third = sorted((tmp_path / "tree").rglob("*.png"))[:3]
    first.unlink()
    shutil.copy(third, second)
    report = bench(*verify, "--json")
    assert report.code == 1
    assert report.json["archive"]["missing"] == [str(first.relative_to(tmp_path / "tree"))]
    assert report.json["archive"]["changed"] == [str(second.relative_to(tmp_path / "tree"))]
    assert not report.json["archive"]["ok"]
    assert f"missing: {first.relative_to(tmp_path / 'tree')}" in bench(*verify).out


def test_an_interrupted_unpacking_leaves_nothing(start: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "many.tar"
    with tarfile.open(path, "w") as archive:  # many files: time enough to interrupt
        for number in range(30_000):
            archive.addfile(tarfile.TarInfo(f"images/{number:05d}.png"))
    process = start("data", "unpack", path, "out/root")
    while process.poll() is None and not (tmp_path / "out").exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert list((tmp_path / "out").iterdir()) == []
