"""What can go wrong with a baseline."""

from __future__ import annotations

from mpcs_bench.errors import BenchError


class CheckError(BenchError):
    """A baseline is missing, damaged, or of another protocol; or a workspace is not ours."""
