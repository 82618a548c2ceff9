"""The experiments of a protocol: the rows of its comparison, by id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from mpcs_bench.errors import did_you_mean
from mpcs_bench.protocol.settings import MisplacedError, Settings, setting


class Experiment(Settings):
    """One row of the comparison: a label for tables, and what it sets."""

    label: str = setting("label", min_length=1)
    set: dict[str, Any] = setting("label", {}, description="dotted setting -> value")


class _OrNull:
    """In a file null may stand for the value: an overlay takes out what stands below it so."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [handler(core_schema), {"type": "null"}]}


def _there(experiments: Any) -> Any:
    """Refuse none at all, and null for an experiment that is not there to be taken out."""
    if not isinstance(experiments, Mapping):
        return experiments
    names = [name for name, value in experiments.items() if value is not None]
    for name, value in experiments.items():
        if value is None:
            raise MisplacedError(
                f"null takes an experiment out, and there is none called '{name}' "
                f"(there: {', '.join(names) or 'none'}).{did_you_mean(str(name), names)}",
                name,
            )
    if not names:
        raise MisplacedError("a protocol needs an experiment, and none is left")
    return experiments


def _told_apart(experiments: dict[str, Experiment]) -> dict[str, Experiment]:
    seen: set[str] = set()
    for name, experiment in experiments.items():
        if experiment.label in seen:
            raise MisplacedError(
                f"'{experiment.label}': two experiments cannot share a label: tables could not "
                "tell them apart",
                name,
                "label",
            )
        seen.add(experiment.label)
    return experiments


ExperimentId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Experiments = Annotated[
    dict[ExperimentId, Annotated[Experiment, _OrNull()]],
    BeforeValidator(_there),
    AfterValidator(_told_apart),
]
