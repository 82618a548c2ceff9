"""How much the cache of a data set fills: originals decoded once, and working frames."""

from __future__ import annotations

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.engine.workload import Size
from mpcs_bench.registry.dataset import Dataset


def original_bytes(index: SampleIndex | None, dataset: Dataset) -> int | None:
    """Return the bytes of all decoded images, uint8 RGB; None where no size is known."""
    if index is not None:
        images = index.frame.drop_duplicates("pixel_hash")
        return int(3 * (images["width"] * images["height"]).sum())
    images_declared = dataset.expected.get("images")
    if images_declared is None or not dataset.image_sizes:
        return None
    width, height = dataset.image_sizes[0]
    return 3 * width * height * images_declared


def frame_bytes(index: SampleIndex | None, dataset: Dataset, size: Size) -> int | None:
    """Return the bytes of all working frames at working size `size`; None where not known.

    Patches that overlap share their pixels. Without the data they are counted one by one, which
    is the most that it can be.
    """
    if index is None:
        images = dataset.expected.get("images")
        samples = None if images is None else images * dataset.patches_per_image
        return None if samples is None else 3 * size[0] * size[1] * samples
    rows = index.frame
    edges = rows.assign(right=rows["box_x"] + rows["box_w"], lower=rows["box_y"] + rows["box_h"])
    frames = edges.groupby(["pixel_hash", "box_w", "box_h"], as_index=False).agg(
        {"box_x": "min", "box_y": "min", "right": "max", "lower": "max"}
    )
    width = (frames["right"] - frames["box_x"]) * size[0] / frames["box_w"]
    height = (frames["lower"] - frames["box_y"]) * size[1] / frames["box_h"]
    return int(3 * (width.round() * height.round()).sum())
