"""A check as JUnit XML: one test case for each item."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from mpcs_bench.check.items import Check

_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, check: Check) -> None:
    """Write the check; a regression is a failure, a stage that failed an error."""
    failures = len(check.regressions)
    errors = sum(item.verdict == "failed" for item in check.items)
    counts = {"tests": str(len(check.items)), "failures": str(failures), "errors": str(errors)}
    root = Element("testsuites", counts)
    suite = SubElement(root, "testsuite", {"name": f"mpcs-bench check {check.protocol}"} | counts)
    suite.set("time", f"{check.seconds:.3f}")
    for item in check.items:
        case = SubElement(suite, "testcase", {"classname": item.rule, "name": _clean(item.subject)})
        if item.verdict in {"regression", "failed"}:
            kind = "failure" if item.verdict == "regression" else "error"
            SubElement(case, kind, {"message": _clean(item.message)})
        else:
            SubElement(case, "system-out").text = _clean(item.message)
    indent(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _clean(text: str) -> str:
    return _NO_XML.sub("?", text)
