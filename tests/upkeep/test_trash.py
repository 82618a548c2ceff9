"""Where nothing was moved aside, the error says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpcs_bench.errors import StoreError
from mpcs_bench.upkeep.trash import batch_called


def test_where_nothing_was_moved_aside_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Nothing was moved aside") as error:
        batch_called(tmp_path, None)
    assert "--workspace" in (error.value.hint or "")
