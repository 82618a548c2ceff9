"""An experiment is named by protocol and id, or by one of them where it is enough."""

from __future__ import annotations

import pytest

from mpcs_bench.report.compare.references import Reference, resolve
from mpcs_bench.report.definitions import ReportError

KNOWN = [
    Reference("exp-01", "exp-1"),
    Reference("exp-03", "exp-3"),
    Reference("quickstart", "exp-1"),
    Reference("quickstart", "exp-2"),
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("quickstart:exp-2", KNOWN[3]),
        ("exp-2", KNOWN[3]),
        ("exp-03", KNOWN[1]),
        ("exp-3", KNOWN[1]),
    ],
)
def test_a_name_that_is_enough_is_found(text: str, found: Reference) -> None:
    assert resolve(text, KNOWN) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exp-1", "'exp-1' names 2 experiments: exp-01:exp-1, quickstart:exp-1."),
        ("quickstart", "names 2 experiments: quickstart:exp-1, quickstart:exp-2."),
        ("quikstart:exp-1", "no protocol 'quikstart'. Did you mean 'quickstart'?"),
        ("quickstart:exp2", "has no experiment 'exp2'. Did you mean 'exp-2'?"),
        ("quickstrt", "no experiment and no protocol 'quickstrt'. Did you mean 'quickstart'?"),
    ],
)
def test_a_name_that_is_not_is_told_what_there_is(text: str, said: str) -> None:
    with pytest.raises(ReportError) as caught:
        resolve(text, KNOWN)
    assert said in caught.value.message
    assert (
        "exp-2" in caught.value.hint
        or "PROTOCOL:EXPERIMENT" in caught.value.hint
        or ("quickstart" in caught.value.hint)
    )
