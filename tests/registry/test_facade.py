"""Looking at plugins is quick: it imports neither torch nor timm."""

from __future__ import annotations

import pytest

HEAVY = "print(sorted({'torch', 'timm', 'cv2', 'pandas', 'duckdb'} & set(sys.modules)))"


@pytest.mark.parametrize(
    "code",
    [
        "import mpcs_bench.registry",
        "import mpcs_bench.registry.suite, mpcs_bench.registry.template",
        "from mpcs_bench.registry import Registry\n"
        "r = Registry.discover()\n"
        "assert not [e.reason for k in ('strategy', 'encoder', 'loss')"
        " for e in r.entries(k) if e.reason]\n"
        "r.resolve('encoder', 'timm/resnet18'); r.resolve('loss', 'nt-xent')\n",
    ],
    ids=["the facade", "the suite", "listing and resolving the paper's plugins"],
)
def test_no_heavy_import(run_python, code):
    assert run_python(f"import sys\n{code}\n{HEAVY}").strip() == "[]"


def test_the_papers_plugins_come_in_through_entry_points(run_python):
    code = (
        "from mpcs_bench.registry import Registry\n"
        "print(*[f'{e.kind}:{e.full_name}' for e in Registry.discover().entries()])"
    )

    found = run_python(code).split()

    assert {
        "strategy:mpcs_paper/fixed",
        "strategy:mpcs_paper/ordered",
        "strategy:mpcs_paper/random",
        "encoder:mpcs_paper/timm",
        "encoder:mpcs_paper/resnet50",
        "encoder:mpcs_paper/efficientnet-b2",
        "loss:mpcs_paper/nt-xent",
    } <= set(found)
