"""What drawn data sets share: written whole, with a note of their parameters, and held to it."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from mpcs_bench.errors import DataError
from mpcs_bench.registry.dataset import Dataset, Progress, Scan
from mpcs_bench.registry.plugin import PluginParams

if TYPE_CHECKING:
    from mpcs_paper.tissue.specimen import Specimen, TissueSettings

NOTE = "synthetic.json"


class DrawnParams(PluginParams):
    """Parameters that every drawn data set has."""

    separation: float = Field(
        0.6,
        ge=0,
        le=1,
        description="distance between the classes' mean atypia, on a scale from 0 (orderly) to 1 "
        "(wild); subjects spread about the mean with deviation 0.13, samples about their subject "
        "with 0.07; 0: the classes are alike",
    )
    stain_variation: float = Field(
        1.0, ge=0, le=2, description="how far subjects' stains differ; 1: about as in BreakHis"
    )
    seed: int = Field(0, ge=0, description="root seed of everything drawn")


class DrawnDataset(Dataset):
    """Drawn tissue in the layout of a real data set, whose plugin reads it.

    `reading_params` names the parameters that decide how the pictures are read (patches), and
    none of their pixels.
    """

    Params = DrawnParams
    params: DrawnParams
    reading_params: ClassVar[frozenset[str]] = frozenset()
    licence = "none needed: every picture is computed"
    generated = True

    @abstractmethod
    def real(self) -> Dataset:
        """Return the plugin whose names and folders these pictures have."""

    @abstractmethod
    def settings(self) -> TissueSettings:
        """Return what decides the pixels of each specimen."""

    @abstractmethod
    def specimens(self) -> list[Specimen]:
        """Return what is to be drawn, in order."""

    def texts(self) -> Mapping[str, str]:
        """Return path -> content of text files that the layout has besides images."""
        return {}

    def scan(self, root: Path) -> Scan:
        """List the images under `root`.

        Raises DataError where `root` holds no finished synthetic data set, or one that was drawn
        with other parameters than this plugin's.
        """
        self._check_note(root)
        return self.real().scan(root)

    def generate(self, root: Path, workers: int = 1, progress: Progress | None = None) -> None:
        """Draw the data set into `root`, which must be absent or empty; whole or not at all.

        The bytes do not depend on `workers` (processes). `progress(done, total)` counts images.
        Raises DataError where `root` is occupied.
        """
        from mpcs_paper.tissue.tree import write_tree

        note = json.dumps(self._description(), indent=2) + "\n"
        write_tree(
            root,
            self.specimens(),
            self.settings(),
            texts={**self.texts(), NOTE: note},
            workers=workers,
            progress=progress,
        )

    def _description(self) -> dict[str, Any]:
        return {
            "dataset": self.name,
            "version": self.version,
            "params": self.params.model_dump(mode="json", exclude=set(self.reading_params)),
        }

    def _check_note(self, root: Path) -> None:
        note = root / NOTE
        try:
            found = json.loads(note.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(
                f"There is no finished synthetic data set in {root}: it holds no {NOTE}.",
                hint=f"Draw one with `mpcs-bench data synth --dataset {self.name}`.",
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
