"""The Python face of the command line: load, plan, run, connect, compare, report."""

from __future__ import annotations

from mpcs_bench.api.judging import audit, check, compare, variance, verify
from mpcs_bench.api.options import DEFAULTS, LOCALLY, Execution, Options
from mpcs_bench.api.protocols import (
    choose,
    expand,
    ledger,
    ledger_entry,
    load,
    plugin_files,
    protocol_folders,
    registry,
)
from mpcs_bench.api.reading import (
    connect,
    load_published,
    protocols_of,
    report,
    report_figures,
    report_paper,
)
from mpcs_bench.api.running import plan, run, splits
from mpcs_bench.api.upkeep import (
    collect,
    export_crate,
    garbage,
    invalidate,
    invalidation,
    provenance,
    record_origins,
    restore,
)

__all__ = [
    "DEFAULTS",
    "LOCALLY",
    "Execution",
    "Options",
    "audit",
    "check",
    "choose",
    "collect",
    "compare",
    "connect",
    "expand",
    "export_crate",
    "garbage",
    "invalidate",
    "invalidation",
    "ledger",
    "ledger_entry",
    "load",
    "load_published",
    "plan",
    "plugin_files",
    "protocol_folders",
    "protocols_of",
    "provenance",
    "record_origins",
    "registry",
    "report",
    "report_figures",
    "report_paper",
    "restore",
    "run",
    "splits",
    "variance",
    "verify",
]
