"""What is the matter with a tissue: how it leans away from the average, kind by kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How a kind of tissue leans; every lean is scaled by the class separation.

    `atypia` is the lean of the nuclei (0.5 above or below the middle sets mean atypia 1 and 0 at
    full separation); `disorder` that of the architecture (walls, lumens, outlines, strayed cells)
    beyond the nuclei's; `rows` of cells added to a gland's wall. The others are exponents, or
    added as they are, on the profile's number of the same name.
    """

    atypia: float
    disorder: float = 0.0
    rows: float = 0.0
    gland_radius: float = 0.0
    elongation: float = 0.0
    epithelium: float = 0.0
    lobularity: float = 0.0
    looseness: float = 0.0
    cellularity: float = 0.0
    infiltration: float = 0.0


class Subject(Protocol):
    """Whose tissue is drawn: `key` names all seeds of it, stain included."""

    @property
    def key(self) -> str:
        """The name that the subject's seeds are derived from."""

    @property
    def diagnosis(self) -> Diagnosis:
        """What the tissue is like on average."""


@dataclass(frozen=True, slots=True)
class Donor:
    """A subject of whom nothing else is known (a microscopy image, a tissue-array spot)."""

    key: str
    diagnosis: Diagnosis


BREAKHIS = {
    "A": Diagnosis(-0.5, gland_radius=-0.25, lobularity=0.5),
    "F": Diagnosis(-0.5, elongation=0.35, looseness=0.3),
    "PT": Diagnosis(-0.5, gland_radius=0.2, elongation=0.4, cellularity=0.4),
    "TA": Diagnosis(-0.5, gland_radius=-0.1, elongation=-0.15, lobularity=0.3),
    "DC": Diagnosis(0.5),
    "LC": Diagnosis(0.5, gland_radius=-0.25, infiltration=1.0),
    "MC": Diagnosis(0.5, looseness=0.4, cellularity=-0.3),
    "PC": Diagnosis(0.5, gland_radius=0.2, elongation=0.4),
}
# Normal: few glands, orderly. Benign: many, larger, orderly. In situ: wild cells fill ducts whose
# outline holds. Invasive: ducts are gone, nests and files of wild cells are everywhere.
BACH = {
    "normal": Diagnosis(-0.5, epithelium=-1.0, gland_radius=-0.2, cellularity=-0.4),
    "benign": Diagnosis(-0.35, disorder=-0.3, epithelium=0.6, gland_radius=0.3, cellularity=0.2),
    "in-situ": Diagnosis(
        0.4, disorder=-1.2, rows=4.0, epithelium=0.9, gland_radius=1.2, lobularity=-0.8
    ),
    "invasive": Diagnosis(
        0.5,
        disorder=0.5,
        epithelium=0.5,
        gland_radius=-0.4,
        elongation=0.5,
        lobularity=-0.5,
        infiltration=1.0,
    ),
}
# A field of 224 x 192 micrometres: small glands stand close, so that most patches show some.
UCSB = {
    "benign": Diagnosis(-0.5, epithelium=1.0, gland_radius=-0.6),
    "malignant": Diagnosis(0.5, epithelium=1.0, gland_radius=-0.4),
}
