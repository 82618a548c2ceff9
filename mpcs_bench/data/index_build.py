"""From a data set's root folder to its sample index: scan, decode once, check, fingerprint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mpcs_bench.data.decode_once import DecodeReport, decode_all
from mpcs_bench.data.index import GROUP_PREFIX, DatasetFacts, SampleIndex
from mpcs_bench.data.pixels_seen import Decoded
from mpcs_bench.errors import DataError, PluginError
from mpcs_bench.registry.dataset import Dataset, Progress, Sample, Unreadable

LISTED = 10


@dataclass(frozen=True, slots=True)
class IndexReport:
    """The index of what could be read, and what decoding did, its problems included."""

    index: SampleIndex
    decode: DecodeReport


def build_index(
    dataset: Dataset, root: Path, cache: Path, workers: int, progress: Progress | None = None
) -> SampleIndex:
    """Return the index of all samples under `root`, decoded into `cache`, and write it there.

    Raises DataError where the root is not the data set's, or where any image cannot be read: it
    lists the first ten and how many there are. `index.rejected` lists the files whose names the
    data set could not place.
    """
    report = index_report(dataset, root, cache, workers, progress)
    problems = report.decode.problems
    if problems:
        shown = [f"  {problem.path}: {problem.reason}" for problem in problems[:LISTED]]
        if len(problems) > LISTED:
            shown.append(f"  ... and {len(problems) - LISTED} more")
        many = "1 image" if len(problems) == 1 else f"{len(problems)} images"
        raise DataError(
            "\n".join([f"Data set '{dataset.name}': {many} cannot be used under {root}", *shown]),
            hint="Replace these files by whole ones (or remove them: `mpcs-bench data verify` "
            "then says what is missing).",
        )
    report.index.write(cache)
    return report.index


def index_report(
    dataset: Dataset, root: Path, cache: Path, workers: int, progress: Progress | None = None
) -> IndexReport:
    """Return the index of the samples that could be read, and every problem with the others.

    Raises DataError where the root is not the data set's, or holds no readable sample.
    """
    scan = dataset.scan(root)
    paths = [sample.path for sample in scan.samples]
    decoded, report = decode_all(root, paths, cache, workers, progress)
    misfits = _misfits(scan.samples, decoded)
    readable = [s for s in scan.samples if s.path in decoded and s.path not in misfits]
    problems = (*report.problems, *(Unreadable(*item) for item in misfits.items()))
    if not readable:
        first = f" ({problems[0].path}: {problems[0].reason})" if problems else ""
        raise DataError(
            f"Data set '{dataset.name}' has no readable sample under {root}{first}",
            hint=f"{len(problems)} files cannot be read, {len(scan.rejected)} have names that "
            "the data set does not know.",
        )
    facts = DatasetFacts.of(dataset)
    index = SampleIndex.of(_frame(readable, facts, decoded), facts, tuple(scan.rejected))
    return IndexReport(index, DecodeReport(report.decoded, report.reused, problems))


def _misfits(samples: Sequence[Sample], decoded: Mapping[str, Decoded]) -> dict[str, str]:
    """Return path -> reason for images that a box laid on them leaves.

    A size that the data set does not declare is no fault here: `data verify` reports it.
    """
    misfits: dict[str, str] = {}
    for sample in samples:
        image = decoded.get(sample.path)
        if sample.box is None or image is None:
            continue
        x, y, width, height = sample.box
        size = (image.width, image.height)
        if min(x, y) < 0 or min(width, height) < 1 or x + width > size[0] or y + height > size[1]:
            misfits[sample.path] = f"patch {sample.box} leaves the image of {size[0]}x{size[1]}"
    return misfits


def _frame(
    samples: Sequence[Sample], facts: DatasetFacts, decoded: Mapping[str, Decoded]
) -> pd.DataFrame:
    images = [decoded[sample.path] for sample in samples]
    boxes = np.array(
        [
            sample.box or (0, 0, image.width, image.height)
            for sample, image in zip(samples, images, strict=True)
        ],
        dtype=np.int64,
    )
    rank = {label: number for number, label in enumerate(facts.classes)}
    columns = {
        "sample_id": [s.sample_id for s in samples],
        "path": [s.path for s in samples],
        "label": [s.label for s in samples],
        "label_index": np.array([rank.get(s.label, -1) for s in samples], dtype=np.int64),
        "subtype": [s.subtype for s in samples],
        "patient_id": [s.patient_id for s in samples],
        **{GROUP_PREFIX + name: _groups(samples, name, facts) for name in facts.group_columns},
        "magnification": np.array([s.magnification or 0 for s in samples], dtype=np.int64),
        "sequence": [s.sequence or "" for s in samples],
        "image_id": [s.image_id for s in samples],
        "patch_index": np.array([s.patch_index for s in samples], dtype=np.int64),
        **{f"box_{side}": boxes[:, i] for i, side in enumerate("xywh")},
        "width": np.array([image.width for image in images], dtype=np.int64),
        "height": np.array([image.height for image in images], dtype=np.int64),
        "pixel_hash": [image.pixel_hash for image in images],
    }
    return pd.DataFrame(columns)


def _groups(samples: Sequence[Sample], name: str, facts: DatasetFacts) -> list[str]:
    try:
        return [sample.groups[name] for sample in samples]
    except KeyError as error:
        raise PluginError(
            f"Data set '{facts.name}': a sample has no group '{name}', which it declares."
        ) from error
