"""Whether a worker sees the driver's workspace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mpcs_bench.engine.ray.sharing import FILE, sees, write_token


def test_who_reads_the_token_at_the_same_path_shares(tmp_path: Path) -> None:
    assert sees(write_token(str(tmp_path)))
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_folder_of_the_same_name_on_another_disk_is_told_apart(tmp_path: Path) -> None:
    token = write_token(str(tmp_path))
    write_token(str(tmp_path))  # as a copy of the workspace has the token of an earlier run
    assert not sees(token)


def test_a_folder_that_is_not_there_is_not_shared(tmp_path: Path) -> None:
    token = write_token(str(tmp_path))
    assert not sees(replace(token, workspace=str(tmp_path / "elsewhere")))
