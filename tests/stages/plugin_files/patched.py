"""A data set of three classes whose images are cut into four patches; it has no patients."""

from __future__ import annotations

from pathlib import Path

from mpcs_bench.registry.dataset import Dataset, Sample, Scan


class Patched(Dataset):
    """Images of 48 x 32 pixels named `CLASS_NUMBER.png`, as four patches of 24 x 16."""

    name = "patched"
    classes = ("normal", "benign", "invasive")
    group_columns = ("image",)
    default_group = "image"
    metric_levels = ("patch", "image")

    def scan(self, root: Path) -> Scan:
        """List four patches of every PNG in `root`."""
        return Scan(
            [
                Sample(
                    sample_id=f"{file.stem}/{number}",
                    path=file.name,
                    label=file.stem.partition("_")[0],
                    subtype=file.stem.partition("_")[0],
                    patient_id=file.stem,
                    groups={"image": file.stem},
                    image_id=file.stem,
                    patch_index=number,
                    box=(24 * (number % 2), 16 * (number // 2), 24, 16),
                )
                for file in sorted(root.glob("*.png"))
                for number in range(4)
            ]
        )
