"""Imports point one way, and nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "mpcs_bench"
ORDER = [
    "cli",
    "api",
    "upkeep",
    "provenance",
    "check",
    "report",
    "engine",
    "stages",
    "data",
    "registry",
    "protocol",
]
LEAVES = {"store", "stats", "records", "environment"}
EVERYWHERE = {"errors", "shipped"}
LEAF_MAY = {"protocol.canonical", "protocol.seeds"}
SIDE_BY_SIDE = {("report", "engine"), ("engine", "report")}


def _layer(module: str) -> str:
    return module.split(".")[1]


def _imports(path: Path) -> list[tuple[int, str]]:
    """Return (line, module of this package) for every import in a file, nested ones included."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mpcs_bench."):
            found.append((node.lineno, node.module or ""))
        elif isinstance(node, ast.ImportFrom) and node.module == "mpcs_bench":
            found += [(node.lineno, f"mpcs_bench.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(node.lineno, a.name) for a in node.names if a.name.startswith("mpcs_bench.")]
    return found


def _allowed(source: str, module: str) -> bool:
    target = _layer(module)
    if target in EVERYWHERE or target == source or source in EVERYWHERE:
        return True
    if source in LEAVES:
        # The store reads the records that it holds; otherwise leaves know nothing of each other.
        inner = module.removeprefix("mpcs_bench.")
        return inner in LEAF_MAY or (source, target) == ("store", "records")
    if target in LEAVES:
        return True
    if (source, target) in SIDE_BY_SIDE:
        return False
    return ORDER.index(source) < ORDER.index(target)


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_point_one_way(path: Path) -> None:
    inside = path.relative_to(PACKAGE)
    source = inside.parts[0].removesuffix(".py")
    if source in {"__init__", "errors", "shipped"}:
        source = "errors"
    wrong = [
        f"{inside}:{line} imports {module}"
        for line, module in _imports(path)
        if not (source == "errors" and _layer(module) in EVERYWHERE)
        and not (source != "errors" and _allowed(source, module))
    ]
    assert not wrong, f"Imports go {' -> '.join(ORDER)}; leaves: {sorted(LEAVES)}. {wrong}"


def test_the_harness_never_names_the_papers_plugins() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            assert not any(name.startswith("mpcs_paper") for name in names), path


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["sql", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['mpcs-bench', *{arguments!r}]\n"
        "from mpcs_bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'timm', 'duckdb', 'pandas', 'cv2', 'sklearn', 'scipy', 'pyarrow'}\n"
        "found = sorted(heavy & set(sys.modules))\n"
        "assert not found, found\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_planning_and_reading_import_no_torch(tmp_path: Path) -> None:
    """The driver of a run does not train: workers import torch, it does not."""
    code = (
        "import sys\n"
        "import mpcs_bench.api, mpcs_bench.engine.planning, mpcs_bench.engine.running\n"
        "import mpcs_bench.report, mpcs_bench.store\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
