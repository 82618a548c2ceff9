"""Documents: links lead somewhere, and commands that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from mpcs_bench.cli.app import app

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_that_are_named_exist(path: Path) -> None:
    command = get_command(app)
    # In code only: after a backtick, or at the start of a line (with or without a prompt).
    named = re.findall(r"(?m)(?:`|^\$? ?)mpcs-bench ([a-z]+)(?: ([a-z]+))?", path.read_text())
    for first, second in named:
        known = command.commands  # type: ignore[attr-defined]
        assert first in known, f"{path.name} names `mpcs-bench {first}`"
        if second and hasattr(known[first], "commands"):
            assert second in known[first].commands, f"`mpcs-bench {first} {second}`"
