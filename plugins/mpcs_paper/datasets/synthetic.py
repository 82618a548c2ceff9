"""Synthetic H&E tissue in BreakHis's layout: a data set for whoever has none, free to share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import Field

from mpcs_bench.errors import DataError
from mpcs_bench.registry.dataset import Dataset, Progress, Scan
from mpcs_bench.registry.plugin import PluginParams
from mpcs_paper.datasets.breakhis import BreakHis

NOTE = "synthetic.json"


class SyntheticParams(PluginParams):
    """What decides every pixel of the data set."""

    patients: int = Field(80, ge=2, le=10_000, description="patients, each of one class")
    samples: float = Field(
        5.0, ge=1, le=50, description="mean tissue samples per patient; the number varies"
    )
    malignant_fraction: float = Field(
        0.6, ge=0.1, le=0.9, description="part of the patients that is malignant"
    )
    width: int = Field(350, ge=32, le=700, description="pixels")
    height: int = Field(230, ge=21, le=460, description="pixels")
    separation: float = Field(
        0.6,
        ge=0,
        le=1,
        description="distance between the classes' mean atypia, on a scale from 0 (orderly) to 1 "
        "(wild); patients spread about the mean with deviation 0.13, samples about their patient "
        "with 0.07; 0: the classes are alike",
    )
    stain_variation: float = Field(
        1.0, ge=0, le=2, description="how far patients' stains differ; 1: about as in BreakHis"
    )
    pitch: float = Field(
        2.0,
        ge=0.4,
        le=3.0,
        description="micrometres per pixel at 40X and width 700. 2.0 gives nuclei and red cells "
        "the size that they have in BreakHis's pictures; the published 0.49 gives fields a "
        "quarter as wide",
    )
    seed: int = Field(0, ge=0, description="root seed of everything drawn")


class Synthetic(Dataset):
    """Drawn tissue: nested fields at 40X, 100X, 200X and 400X around one centre per sample.

    Malignant differs from benign in nuclear size, pleomorphism, chromatin and nucleoli, and in
    the disorder of glands; patients' stains differ much more than the classes' colours. Names,
    folders and group columns are those of BreakHis.
    """

    name = "synthetic"
    summary = "Drawn H&E tissue at 40X to 400X in BreakHis's layout; any number of patients"
    Params = SyntheticParams
    params: SyntheticParams
    classes = BreakHis.classes
    magnifications = BreakHis.magnifications
    group_columns = BreakHis.group_columns
    default_group = BreakHis.default_group
    metric_levels = BreakHis.metric_levels
    licence = "none needed: every picture is computed"
    generated = True

    def scan(self, root: Path) -> Scan:
        """List the images under `root`.

        Raises DataError where `root` holds no finished synthetic data set, or one that was drawn
        with other parameters than this plugin's.
        """
        self._check_note(root)
        return BreakHis().scan(root)

    def generate(self, root: Path, workers: int = 1, progress: Progress | None = None) -> None:
        """Draw the data set into `root`, which must be absent or empty; whole or not at all.

        The bytes do not depend on `workers` (processes). `progress(done, total)` counts images.
        Raises DataError where `root` is occupied.
        """
        from mpcs_paper.tissue.cohort import cohort
        from mpcs_paper.tissue.specimen import TissueSettings
        from mpcs_paper.tissue.tree import write_tree

        params = self.params
        settings = TissueSettings(
            seed=params.seed,
            width=params.width,
            height=params.height,
            separation=params.separation,
            stain_variation=params.stain_variation,
            pitch_40x=params.pitch,
        )
        patients = cohort(params.seed, params.patients, params.samples, params.malignant_fraction)
        note = json.dumps(self._description(), indent=2) + "\n"
        write_tree(root, patients, settings, note=(NOTE, note), workers=workers, progress=progress)

    def _description(self) -> dict[str, Any]:
        return {
            "dataset": self.name,
            "version": self.version,
            "params": self.params.model_dump(mode="json"),
        }

    def _check_note(self, root: Path) -> None:
        note = root / NOTE
        try:
            found = json.loads(note.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(
                f"There is no finished synthetic data set in {root}: it holds no {NOTE}.",
                hint="Draw one with `mpcs-bench data synth`.",
            ) from None
        except (OSError, ValueError) as error:
            raise DataError(
                f"{note} cannot be read: {error}", hint="Draw the data set anew in another folder."
            ) from error
        differences = _differences(found, self._description())
        if differences:
            raise DataError(
                f"The synthetic data set in {root} is not the one asked for: "
                + "; ".join(differences),
                hint="Give its own parameters, or another root folder to draw a new one in.",
            )


def _differences(found: Any, wanted: dict[str, Any]) -> list[str]:
    """Say in words where the note of a root differs from what is asked for."""
    if not isinstance(found, dict) or not isinstance(found.get("params"), dict):
        return [f"{NOTE} is not a description of synthetic data"]
    differences = [
        f"{name} is {found.get(name)!r}, asked for {wanted[name]!r}"
        for name in ("dataset", "version")
        if found.get(name) != wanted[name]
    ]
    names = sorted(set(found["params"]) | set(wanted["params"]))
    for name in names:
        has, wants = found["params"].get(name), wanted["params"].get(name)
        if has != wants:
            differences.append(f"{name} is {has!r}, asked for {wants!r}")
    return differences
