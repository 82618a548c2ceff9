"""How a schema field is declared: identity or runtime; factor, condition or free.

*Identity*: can change numbers, so it is part of a stage's key. *Runtime*: cannot.
*Factor*: what a table compares. *Condition*: must be equal for two cells to be compared.
*Free*: may differ and is averaged over. A test walks the schema and fails for a field that
does not say which it is.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

Role = Literal["factor", "condition", "free", "runtime", "label"]


class Settings(BaseModel):
    """Base of all protocol models: frozen, unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def setting(role: Role, default: Any = ..., **details: Any) -> Any:
    """Declare a field with its role; `runtime` and `label` fields are not part of identity."""
    return Field(default, json_schema_extra={"x-role": role}, **details)


def role_of(field: FieldInfo) -> Role | None:
    """Return the declared role of a field, or None where it was not declared."""
    extra = field.json_schema_extra
    role = extra.get("x-role") if isinstance(extra, dict) else None
    return role if role in ("factor", "condition", "free", "runtime", "label") else None  # type: ignore[return-value]


def identity(model: BaseModel) -> dict[str, Any]:
    """Return the fields of `model` that can change numbers, nested models included."""
    kept: dict[str, Any] = {}
    for name, info in type(model).model_fields.items():
        if role_of(info) in ("runtime", "label"):
            continue
        kept[name] = _plain(getattr(model, name))
    return kept


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return identity(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
