"""Environment variables in the names of files and folders: `${NAME}` and `${NAME:-default}`."""

from __future__ import annotations

import os
import re
from pathlib import Path

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def expand_variables(text: str) -> tuple[str, list[str]]:
    """Replace `${NAME}` and `${NAME:-default}`; also return the names that are not set.

    A variable that is set to nothing counts as not set, as in a shell's `:-`.
    """
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2)
        found = os.environ.get(name) or default
        if found is None:
            missing.append(name)
            return match.group(0)
        return found

    expanded = _VARIABLE.sub(value, text)
    if not expanded:  # an empty path would mean the folder that one happens to be in
        missing += [match.group(1) for match in _VARIABLE.finditer(text)]
    return expanded, missing


def check_variables(text: str) -> str:
    """Return `text`; raises ValueError where a `${` in it begins no variable."""
    if "${" in _VARIABLE.sub("", text):
        raise ValueError("'${' begins no variable: write ${NAME} or ${NAME:-default}")
    return text


def anchored_text(text: str, folder: Path) -> str:
    """Return the path `text` as seen from anywhere; a relative one lies beside `folder`.

    What a variable holds is left to it; a relative default counts as written here.
    """
    match = _VARIABLE.match(text)
    if match is None:
        return text if text.startswith(("~", "/")) else str(folder / text)
    name, default = match.groups()
    if not default or default.startswith(("~", "/", "${")):
        return text
    return f"${{{name}:-{folder / default}}}{text[match.end() :]}"
