"""A baseline that cannot be read says why, and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench.check.baseline import FORMAT, Observation, read_baseline, write_baseline
from mpcs_bench.check.errors import CheckError

DOCUMENT: dict[str, Any] = {
    "format": FORMAT,
    "protocol": "ci",
    "written": {},
    "provenance": {"created": "2025-01-01", "environment": {}},
    "reference": {"seconds": 0.01, "peak_bytes": 400, "cpu": "AVX2"},
    "settings": {},
    "fingerprints": {},
    "splits": {},
    "findings": [],
    "pairs": {},
    "stages": {},
    "series": [],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": FORMAT + 1}, f"format {FORMAT + 1}, and this mpcs-bench reads {FORMAT}"),
        ({"format": 1}, f"format 1, and this mpcs-bench reads {FORMAT}"),
        ({"splits": None}, "damaged at splits"),
        ({"unheard": 1}, "damaged at unheard"),
        ({"reference": DOCUMENT["reference"] | {"seconds": 0}}, "damaged at reference.seconds"),
    ],
)
def test_one_that_is_damaged_or_of_another_format_is_told(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(DOCUMENT | change))
    with pytest.raises(CheckError, match=said) as caught:
        read_baseline(path)
    assert ("version control" in (caught.value.hint or "")) == ("format" not in change)


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [(None, "There is no baseline", "Make one"), ("{", "is no JSON", "Restore it")],
)
def test_one_that_is_missing_is_to_be_made_and_a_damaged_one_restored(
    tmp_path: Path, text: str | None, said: str, hint: str
) -> None:
    path = tmp_path / "baseline.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CheckError, match=said) as caught:
        read_baseline(path)
    assert (caught.value.hint or "").startswith(hint)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    observed = Observation.model_validate(DOCUMENT)
    write_baseline(tmp_path / "new/baseline.json", observed)
    assert read_baseline(tmp_path / "new/baseline.json") == observed
