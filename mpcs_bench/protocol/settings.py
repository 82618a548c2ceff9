"""How a schema field is declared: identity or runtime; factor, condition or free.

*Identity*: can change numbers, so it is part of a stage's key. *Runtime*: cannot.
*Factor*: what a table compares. *Condition*: must be equal for two cells to be compared.
*Free*: may differ and is averaged over. *Label*: names and words. Factor, condition and free
are identity; runtime and label are not. A test walks the schema and fails for a field that does
not say which it is.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

Role = Literal["factor", "condition", "free", "runtime", "label"]
ROLES: tuple[Role, ...] = typing.get_args(Role)

ANY_NAME = "*"
"""In the dotted name of a field: whatever key or index stands there."""


class Settings(BaseModel):
    """Base of all protocol models: frozen, unknown fields are errors, numbers are finite.

    `short_form` names the field that a bare text stands for (`strategy: ordered`). A file may
    write some of the fields and leave the others to what it is laid over, or that is laid over
    it; `complete_when` is the JSON Schema of the files that may not.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )
    short_form: ClassVar[str | None] = None
    complete_when: ClassVar[dict[str, Any] | None] = None

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe what a file may hold: parts of the mapping, or its short form."""
        reference = handler(core_schema)
        schema = handler.resolve_ref_schema(reference)
        required = schema.pop("required", [])
        if cls.complete_when is not None:
            schema |= {"if": cls.complete_when, "then": {"required": required}}
        if cls.short_form is not None:
            mapping = dict(schema)
            schema.clear()
            schema |= {"anyOf": [{"type": "string"}, mapping]}
        return reference


class ShortForm(Settings):
    """A mapping that a bare text may stand for: the value of the field `short_form`."""

    @model_validator(mode="before")
    @classmethod
    def _spelt_out(cls, value: Any) -> Any:
        return {cls.short_form: value} if isinstance(value, str) else value


class MisplacedError(ValueError):
    """What a validator raises where the fault lies at `path` below the model it checks."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


def setting(role: Role, default: Any = ..., *, is_path: bool = False, **details: Any) -> Any:
    """Declare a field with its role.

    `is_path` marks a file or folder: relative to the file that writes it, and identified by what
    it holds (fingerprint, digest), not by its name.
    """
    extra: dict[str, Any] = {"x-role": role}
    if is_path:
        extra["x-path"] = True
    return Field(default, json_schema_extra=extra, **details)


def role_of(field: FieldInfo) -> Role | None:
    """Return the declared role of a field, or None where it was not declared."""
    role = _extra(field).get("x-role")
    return role if role in ROLES else None


def is_path(field: FieldInfo) -> bool:
    """Say whether a field holds the name of a file or folder."""
    return bool(_extra(field).get("x-path"))


def identity(model: BaseModel) -> dict[str, Any]:
    """Return the fields of `model` that can change numbers, nested models included."""
    kept: dict[str, Any] = {}
    for name, info in type(model).model_fields.items():
        if role_of(info) in ("runtime", "label"):
            continue
        kept[name] = _plain(getattr(model, name))
    return kept


def walk(model: type[BaseModel]) -> Iterator[tuple[tuple[str, ...], type[BaseModel], FieldInfo]]:
    """Yield every field below `model`: its path, the model that declares it, its declaration.

    In a path `*` stands for the names of a mapping and the items of a list.
    """
    for name, info in model.model_fields.items():
        yield (name,), model, info
        steps, nested = nested_model(info.annotation)
        if nested is not None:
            for path, owner, inner in walk(nested):
                yield (name, *steps, *path), owner, inner


def nested_model(annotation: Any) -> tuple[tuple[str, ...], type[BaseModel] | None]:
    """Return the model inside Optional, Annotated, dict or tuple, and the `*` that lead to it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (), annotation
    origin = typing.get_origin(annotation)
    for argument in typing.get_args(annotation):
        steps, nested = nested_model(argument)
        if nested is not None:
            collection = isinstance(origin, type) and issubclass(origin, Mapping | Sequence)
            return ((ANY_NAME, *steps) if collection else steps), nested
    return (), None


def _extra(field: FieldInfo) -> dict[str, Any]:
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return identity(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
