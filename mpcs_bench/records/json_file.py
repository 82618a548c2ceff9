"""JSON files of the workspace: sorted, indented for people, with a format version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mpcs_bench.errors import Location, StoreError
from mpcs_bench.records.spec import FORMAT


def now() -> str:
    """Return the present UTC time as ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def to_json(value: Mapping[str, Any], what: str) -> str:
    """Return `value` as indented JSON with sorted keys; floats keep every digit.

    Raises StoreError, naming `what`, for NaN, infinities and values that are not JSON.
    """
    try:
        return (
            json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
        )
    except (TypeError, ValueError) as error:
        raise StoreError(f"{what} cannot be written as JSON: {error}.") from error


def to_json_line(value: Mapping[str, Any], what: str) -> str:
    """Return `value` as JSON in one line, for lists of many; otherwise as `to_json`."""
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{what} cannot be written as JSON: {error}.") from error


def read_json(path: Path, hint: str | None = None, newest: int = FORMAT) -> dict[str, Any]:
    """Read the JSON object in `path`.

    Raises StoreError where it is missing, is no JSON object, or has a newer format than `newest`.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}.", hint=hint) from error
    except ValueError as error:
        where = Location(str(path), getattr(error, "lineno", None), getattr(error, "colno", None))
        raise StoreError(f"not valid JSON: {error}", hint=hint, location=where) from error
    if not isinstance(value, dict):
        raise StoreError("expected a JSON object", hint=hint, location=Location(str(path)))
    found = value.get("format")
    if not isinstance(found, int) or found < 1 or found > newest:
        raise StoreError(
            f"{path} has format version {found}; this mpcs-bench reads up to {newest}.",
            hint="Use the mpcs-bench that wrote this workspace, or a newer one.",
        )
    return value
