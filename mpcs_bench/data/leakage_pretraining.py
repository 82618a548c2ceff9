"""Did pre-training on other data, or under another split, see what a fold is tested on?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.leakage import Accepted, Finding

IntArray = npt.NDArray[np.int64]


def audit_pretraining(
    seen: SampleIndex,
    seen_rows: IntArray,
    tested: SampleIndex,
    test_rows: IntArray,
    *,
    fold: int,
    accept: Sequence[str] = (),
) -> list[Finding]:
    """Return errors `pretrain-test-overlap` for one fold.

    `seen_rows` of index `seen` were pre-trained on, `test_rows` of index `tested` are the test
    part. Equal pixels count between any two data sets; equal groups where both indexes come
    from the same data set (in its default group column). Within one split `audit_split`
    already sees to this.
    """
    accepted = Accepted.parse(accept)
    found = list(_overlaps(seen, seen_rows, tested, test_rows, fold))
    return [part for finding in found for part in accepted.apply(finding)]


def _overlaps(
    seen: SampleIndex, seen_rows: IntArray, tested: SampleIndex, test_rows: IntArray, fold: int
) -> Iterator[Finding]:
    rule = "pretrain-test-overlap"
    if seen.dataset.name == tested.dataset.name:
        column = tested.dataset.default_group
        before = set(seen.groups(column)[seen_rows].tolist())
        shared = tuple(sorted(before & set(tested.groups(column)[test_rows].tolist())))
        if shared:
            text = f"{len(shared)} groups of '{column}' were pre-trained on and are tested"
            yield Finding(rule, "error", fold, text, column=column, groups=shared)
    pixels = set(seen.text("pixel_hash")[seen_rows].tolist())
    hits = np.array([key in pixels for key in tested.text("pixel_hash")[test_rows]], dtype=bool)
    if hits.any():
        images = tuple(sorted(set(tested.text("image_id")[test_rows[hits]].tolist())))
        text = f"{len(images)} test images were pre-trained on, pixel for pixel"
        yield Finding(rule, "error", fold, text, column="image_id", groups=images)
