"""The audit: what a publication's own printed numbers determine (docs/audit.md)."""

from mpcs_bench.report.audit.audit import RULES, audit_publication
from mpcs_bench.report.audit.choosing import publications
from mpcs_bench.report.audit.findings import SEVERITIES, Audit, Finding, Rule, Severity, Skipped

__all__ = [
    "RULES",
    "SEVERITIES",
    "Audit",
    "Finding",
    "Rule",
    "Severity",
    "Skipped",
    "audit_publication",
    "publications",
]
