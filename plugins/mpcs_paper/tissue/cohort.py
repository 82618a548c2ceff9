"""Who is in the data set: patients in a fixed order, each with tumour type, number and samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mpcs_bench.protocol.seeds import generator
from mpcs_paper.tissue.diagnosis import BREAKHIS, Diagnosis

# Shares of the tumour types within a class, near BreakHis's but with rarities raised.
BENIGN_SHARES = {"F": 0.34, "TA": 0.30, "A": 0.19, "PT": 0.17}
MALIGNANT_SHARES = {"DC": 0.58, "MC": 0.16, "PC": 0.14, "LC": 0.12}
SMALLEST_STRATUM = 5


@dataclass(frozen=True, slots=True)
class Patient:
    """One patient: `number` as in BreakHis (`14-20037`), `samples` how many tissue samples."""

    index: int
    malignant: bool
    subtype: str
    number: str
    samples: int

    @property
    def key(self) -> str:
        """The name that this patient's seeds are derived from."""
        return f"patient={self.index}"

    @property
    def diagnosis(self) -> Diagnosis:
        """What the tumour type makes of the tissue."""
        return BREAKHIS[self.subtype]

    @property
    def patient_id(self) -> str:
        """As BreakHis names its folders, without the leading SOB: `M_DC_14-20037`."""
        return f"{'M' if self.malignant else 'B'}_{self.subtype}_{self.number}"


def cohort(
    seed: int, patients: int, mean_samples: float, malignant_fraction: float
) -> list[Patient]:
    """Return the first `patients` patients; a larger cohort starts with exactly a smaller one.

    Classes alternate so that their ratio stays near `malignant_fraction` throughout. Within a
    class a tumour type joins only when its share is worth `SMALLEST_STRATUM` patients, and then
    fills up to that many before others go on, so that strata are wide enough for five folds.
    """
    order = _class_order(malignant_fraction)
    benign, malignant = _type_order(BENIGN_SHARES), _type_order(MALIGNANT_SHARES)
    members = []
    for index in range(patients):
        is_malignant = next(order)
        rng = generator(seed, f"patient={index}", "cohort")
        # Slide numbers step by 37 so that they look drawn and are never used twice.
        number = f"14-{10007 + 37 * index + int(rng.integers(0, 37))}"
        members.append(
            Patient(
                index=index,
                malignant=is_malignant,
                subtype=next(malignant if is_malignant else benign),
                number=number,
                samples=_sample_count(rng, mean_samples),
            )
        )
    return members


def _sample_count(rng: np.random.Generator, mean: float) -> int:
    """Draw a number of samples, skewed as in practice: mean about `mean`, at least one."""
    # A gamma of shape 4 has a coefficient of variation of one half.
    return max(1, round(float(rng.gamma(4.0, mean / 4.0))))


def _class_order(malignant_fraction: float) -> Iterator[bool]:
    counts = {False: 0, True: 0}
    shares = {False: 1.0 - malignant_fraction, True: malignant_fraction}
    while True:
        chosen = max(counts, key=lambda side: (shares[side] / (2 * counts[side] + 1), side))
        counts[chosen] += 1
        yield chosen


def _type_order(shares: dict[str, float]) -> Iterator[str]:
    """Yield tumour types by Webster's divisors, the order in which shares earn their seats."""
    counts: Counter[str] = Counter()
    while True:
        total = counts.total()
        # The commonest type comes first and cannot wait for the others.
        joined = [
            name
            for place, (name, share) in enumerate(shares.items())
            if place == 0 or counts[name] or (total + SMALLEST_STRATUM) * share >= SMALLEST_STRATUM
        ]
        filling = [name for name in joined if counts[name] < SMALLEST_STRATUM]
        candidates = filling[:1] or joined
        chosen = max(candidates, key=lambda name: shares[name] / (2 * counts[name] + 1))
        counts[chosen] += 1
        yield chosen
