"""A file that cannot be written is told before hours were spent on what it should hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpcs_bench.check.destinations import require_writable
from mpcs_bench.check.errors import CheckError


@pytest.mark.parametrize("name", ["folder", "file/below.json"])
def test_a_place_where_no_file_can_be_is_refused_by_its_option(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    with pytest.raises(CheckError, match=f"--junit .*{name} cannot be written") as caught:
        require_writable(tmp_path / name, "--junit")
    assert caught.value.hint == "Give --junit another file."
    assert (tmp_path / "file").read_text() == "kept"


def test_a_new_folder_is_made_and_a_file_left_as_it_is(tmp_path: Path) -> None:
    require_writable(tmp_path / "new/page.md", "--summary")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "old.md").write_text("before")
    require_writable(tmp_path / "old.md", "--summary")
    assert (tmp_path / "old.md").read_text() == "before"
