"""Whom the items of a test belong to: what is drawn, or changes its sign, as a whole."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpcs_bench.report.compare.answers import Names

PATIENT, PATIENT_GROUP, GROUP, IMAGE = "patient", "patient group", "group", "image"


class Units(NamedTuple):
    """The independent unit of each item [N]: a name each, what it is called, what to say of it."""

    names: Names
    unit: str
    notes: tuple[str, ...] = ()


def patient_units(patients: Names, groups: Names) -> Units:
    """Return the patients, or what holds several of them together.

    `patients` [N] and `groups` [N] (what the split does not tear apart) of each item. Patients that
    share a group (two numbers of one case) are one unit, and so are groups that share a patient.
    """
    who, patient = np.unique(patients, return_inverse=True)
    what, group = np.unique(groups, return_inverse=True)
    label = _joined(patient, group, who.size, what.size)
    first = np.full(who.size, who.size)
    np.minimum.at(first, label, patient)
    of_patient = np.zeros(who.size, dtype=np.int64)
    of_patient[patient] = label
    together = int(np.sum(np.bincount(of_patient)[of_patient] > 1))
    if not together:
        return Units(patients, PATIENT)
    note = f"{together} of {who.size} patients share a group with another: one unit"
    return Units(who[first[label]], PATIENT_GROUP, (note,))


def _joined(
    patient: NDArray[np.intp], group: NDArray[np.intp], patients: int, groups: int
) -> NDArray[np.int64]:
    """Number the connected parts of the graph whose edges are the items."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = patients + groups
    edges = coo_array((np.ones(patient.size), (patient, patients + group)), shape=(size, size))
    _, part = connected_components(edges, directed=False)
    return np.asarray(part[patient], dtype=np.int64)
