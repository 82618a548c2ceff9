"""The command line: one module per command family; it imports nothing heavy at start."""

from mpcs_bench.cli.app import main

__all__ = ["main"]
