"""The paper's pair strategies (Section 3.2, Figures 3 and 4): fixed, ordered and random pair.

All draw for n sets at once, and never the same magnification for both views.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field, field_validator

from mpcs_bench.errors import PluginError
from mpcs_bench.registry import ImageSets, PairStrategy, PluginParams, ViewPlan, draw_available
from mpcs_bench.registry.strategy import BoolArray, IntArray


class FixedPairParams(PluginParams):
    """The two magnifications, first view first."""

    magnifications: tuple[int, int] = Field((200, 400), description="of first and second view")

    @field_validator("magnifications")
    @classmethod
    def _different(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] == value[1]:
            raise ValueError(f"both views would stand at {value[0]}X")
        return value


class FixedPair(PairStrategy):
    """Both magnifications are fixed by a human."""

    name = "fixed"
    version = "1"
    summary = "both views at magnifications fixed beforehand"
    human_prior = 2
    degrees_of_freedom = 0
    Params = FixedPairParams
    params: FixedPairParams

    def eligible(self, available: IntArray, magnifications: tuple[int, ...]) -> BoolArray:
        """Say which sets have an image at both magnifications, bool[n].

        Raises PluginError where one of them is none of `magnifications`.
        """
        columns = [_column(m, magnifications, self.name) for m in self.params.magnifications]
        both: BoolArray = (available[:, columns] > 0).sum(axis=1) == 2
        return both

    def draw(
        self, sets: ImageSets, available: IntArray, generator: np.random.Generator
    ) -> ViewPlan:
        """Draw the views: the fixed columns for each set."""
        columns = [_column(m, sets.magnifications, self.name) for m in self.params.magnifications]
        return sets.view_plan(np.tile(np.array(columns, dtype=np.int64), (len(sets), 1)), generator)


class OrderedPairParams(PluginParams):
    """The look-up table of Figure 3: first view's magnification -> second view's."""

    table: dict[int, int] = Field(
        {40: 100, 100: 200, 200: 400, 400: 200},
        min_length=1,
        description="magnification of the first view -> of the second",
    )
    ascending: bool = Field(
        False,
        description="the pair that the table gives stands in ascending order, so that 400 -> 200 "
        "is (200, 400); matters where only first views anchor the loss",
    )

    @field_validator("table")
    @classmethod
    def _different(cls, value: dict[int, int]) -> dict[int, int]:
        for first, second in value.items():
            if first == second:
                raise ValueError(f"both views would stand at {first}X")
        return value


class OrderedPair(PairStrategy):
    """The first magnification is drawn; a look-up table gives the second."""

    name = "ordered"
    version = "2"
    summary = "first view drawn, second from a look-up table"
    human_prior = 1
    degrees_of_freedom = 1
    Params = OrderedPairParams
    params: OrderedPairParams

    def eligible(self, available: IntArray, magnifications: tuple[int, ...]) -> BoolArray:
        """Say which sets have images at both ends of an entry of the table, bool[n].

        Raises PluginError where the table names what is none of `magnifications`.
        """
        some: BoolArray = self._usable(available, magnifications).sum(axis=1) > 0
        return some

    def draw(
        self, sets: ImageSets, available: IntArray, generator: np.random.Generator
    ) -> ViewPlan:
        """Draw the first view uniformly where its partner exists; look the second one up.

        Raises ValueError where a set has no usable entry of the table.
        """
        usable = self._usable(available, sets.magnifications)
        _require(usable.sum(axis=1) > 0, sets)
        first = draw_available(usable.astype(np.int64), generator)
        second = self._partners(sets.magnifications)[first]
        columns = np.stack([first, second], axis=1)
        if self.params.ascending:
            order = np.argsort(np.array(sets.magnifications)[columns], axis=1)
            columns = np.take_along_axis(columns, order, axis=1)
        return sets.view_plan(columns, generator)

    def _partners(self, magnifications: tuple[int, ...]) -> IntArray:
        """Return the second view's column for each first column, -1 where the table has none."""
        partners = np.full(len(magnifications), -1, dtype=np.int64)
        for first, second in self.params.table.items():
            row = _column(first, magnifications, self.name)
            partners[row] = _column(second, magnifications, self.name)
        return partners

    def _usable(self, available: IntArray, magnifications: tuple[int, ...]) -> BoolArray:
        """Say for each set at which columns the first view may stand, bool[n, M]."""
        partners = self._partners(magnifications)
        usable: BoolArray = (available > 0) & (available[:, partners] > 0) & (partners >= 0)
        return usable


class RandomPair(PairStrategy):
    """Both magnifications are drawn: uniform over ordered pairs of different ones."""

    name = "random"
    version = "1"
    summary = "two different magnifications drawn at random"
    human_prior = 0
    degrees_of_freedom = 2

    def draw(
        self, sets: ImageSets, available: IntArray, generator: np.random.Generator
    ) -> ViewPlan:
        """Draw two different magnifications for each set.

        Raises ValueError where a set has images at fewer than two.
        """
        _require((available > 0).sum(axis=1) >= 2, sets)
        first = draw_available(available, generator)
        second = draw_available(available, generator, exclude=first)
        return sets.view_plan(np.stack([first, second], axis=1), generator)


def _column(magnification: int, magnifications: tuple[int, ...], strategy: str) -> int:
    if magnification not in magnifications:
        have = ", ".join(f"{m}X" for m in magnifications) or "none"
        raise PluginError(
            f"The strategy '{strategy}' asks for {magnification}X, which is not among the "
            f"magnifications at hand ({have}).",
            hint="Change the strategy's parameters, or `pretraining.magnifications`.",
        )
    return magnifications.index(magnification)


def _require(eligible: BoolArray, sets: ImageSets) -> None:
    if not eligible.all():
        first = int(np.flatnonzero(~eligible)[0])
        raise ValueError(f"no pair can be drawn from set {sets.ids[first]}: filter by eligible()")
