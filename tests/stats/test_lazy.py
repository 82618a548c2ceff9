"""What is slow to import is imported by the statistic that needs it."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_statistics_loads_no_pandas_and_no_plotting():
    program = (
        "import sys, mpcs_bench.stats\n"
        "heavy = {'statsmodels', 'scikit_posthocs', 'pandas', 'seaborn', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert outcome.stdout.strip() == "[]"
