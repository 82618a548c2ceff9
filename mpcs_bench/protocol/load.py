"""From a protocol's name or path to a validated protocol: find, extend, overlay, check."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mpcs_bench.errors import Location, ProtocolError, did_you_mean
from mpcs_bench.protocol.document import Document, assignment, load_document
from mpcs_bench.protocol.schema import Protocol

M = TypeVar("M", bound=BaseModel)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class LoadedProtocol:
    """A validated protocol and the document it came from, for errors that name file and line."""

    protocol: Protocol
    document: Document
    path: Path
    files: tuple[Path, ...] = field(default=())

    def error(
        self, message: str, path: Sequence[str | int], hint: str | None = None
    ) -> ProtocolError:
        """Return an error placed at `path` of the document."""
        return ProtocolError(message, location=self.document.locate(path), hint=hint)


def available(folders: Sequence[Path]) -> dict[str, Path]:
    """Return the protocols in `folders` by name; earlier folders win."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def find(reference: str, folders: Sequence[Path]) -> Path:
    """Return the file of a protocol given by path or by name.

    Raises ProtocolError, with the nearest known name, where there is none.
    """
    path = Path(reference)
    if path.suffix in (".yaml", ".yml") or os.sep in reference:
        if path.is_file():
            return path
        raise ProtocolError(
            f"There is no protocol file '{reference}'.",
            hint="`mpcs-bench protocols` lists the protocols that ship.",
        )
    known = available(folders)
    if reference in known:
        return known[reference]
    raise ProtocolError(
        f"There is no protocol '{reference}'.{did_you_mean(reference, list(known))}",
        hint=f"Known: {', '.join(known) or 'none'}. A path to a .yaml file works too.",
    )


def load(
    reference: str,
    folders: Sequence[Path],
    *,
    overlays: Sequence[str] = (),
    assignments: Sequence[str] = (),
    data_roots: Mapping[str, str] | None = None,
) -> LoadedProtocol:
    """Load, extend, overlay and validate a protocol.

    `overlays` are names under `overlays/` of a folder, or paths; `assignments` are `a.b=c`, the
    last overlay; `data_roots` give root folders by data set name (also the last word).
    Raises ProtocolError with file, line and column.
    """
    path = find(reference, folders)
    files: list[Path] = []
    document = _extended(path, files, ())
    for name in overlays:
        overlay = _find_overlay(name, path, folders)
        document = document.overlaid(_extended(overlay, files, ()))
    for text in assignments:
        document = document.overlaid(_parse_assignment(text))
    for name, root in (data_roots or {}).items():
        if name not in document.values.get("datasets", {}):
            known = list(document.values.get("datasets", {}))
            raise ProtocolError(
                f"--data names '{name}', which is not a data set of this protocol."
                f"{did_you_mean(name, known)}",
                hint=f"Its data sets: {', '.join(known) or 'none'}.",
            )
        document = document.overlaid(assignment(f"datasets.{name}.root", root, "--data"))
    protocol = validate(Protocol, document)
    return LoadedProtocol(protocol, document, path, tuple(files))


def validate(model: type[M], document: Document) -> M:
    """Validate a document; every problem is reported at once, each with its place."""
    try:
        return model.model_validate(document.values)
    except ValidationError as error:
        problems = [_problem(model, document, item) for item in error.errors()]
    first = problems[0]
    rest = "".join(f"\n{place}: {message}" for place, message in problems[1:])
    raise ProtocolError(f"{first[1]}{rest}", location=first[0])


def expand_variables(text: str) -> tuple[str, list[str]]:
    """Replace `${NAME}` and `${NAME:-default}`; also return the names that are not set."""
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2)
        found = os.environ.get(name) or default
        if found is None:
            missing.append(name)
            return match.group(0)
        return found

    return _VARIABLE.sub(value, text), missing


def _extended(path: Path, files: list[Path], chain: tuple[Path, ...]) -> Document:
    """Read `path` over the files it extends."""
    resolved = path.resolve()
    if resolved in chain:
        names = " -> ".join(item.name for item in (*chain, resolved))
        raise ProtocolError(f"`extends` runs in a circle: {names}", location=Location(str(path)))
    document = load_document(path)
    files.append(path)
    values = _anchored(document.values, path.parent.resolve())
    parents = values.pop("extends", [])
    parents = [parents] if isinstance(parents, str) else parents
    if not isinstance(parents, list) or not all(isinstance(item, str) for item in parents):
        raise ProtocolError(
            "`extends` takes a file or a list of files", location=document.locate(["extends"])
        )
    base = Document({})
    for parent in parents:
        target = path.parent / parent
        if not target.is_file():
            raise ProtocolError(
                f"extends '{parent}', and there is no such file beside it",
                location=document.locate(["extends"]),
                hint=f"Looked for {target}.",
            )
        base = base.overlaid(_extended(target, files, (*chain, resolved)))
    return base.overlaid(Document(values, document.places))


def _anchored(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Let relative paths in a file mean: beside that file, wherever it is run from."""

    def anchor(holder: Any, key: str) -> Any:
        written = holder.get(key) if isinstance(holder, dict) else None
        if not isinstance(written, str) or written.startswith(("${", "~")):
            return holder
        return {**holder, key: str(folder / written)}

    values = {**values}
    if "weights" in values:
        values["weights"] = anchor(values["weights"], "file")
    if isinstance(values.get("datasets"), dict):
        datasets = {}
        for name, dataset in values["datasets"].items():
            datasets[name] = anchor(dataset, "root")
            if isinstance(datasets[name], dict) and "split" in datasets[name]:
                split = anchor(datasets[name]["split"], "file")
                datasets[name] = {**datasets[name], "split": split}
        values["datasets"] = datasets
    return values


def _find_overlay(name: str, protocol: Path, folders: Sequence[Path]) -> Path:
    direct = Path(name)
    if direct.suffix in (".yaml", ".yml") and direct.is_file():
        return direct
    places = [protocol.parent / "overlays", *(folder / "overlays" for folder in folders)]
    for place in places:
        if (place / f"{name}.yaml").is_file():
            return place / f"{name}.yaml"
    known = sorted({path.stem for place in places for path in place.glob("*.yaml")})
    raise ProtocolError(
        f"There is no overlay '{name}'.{did_you_mean(name, known)}",
        hint=f"Known: {', '.join(known) or 'none'}. A path to a .yaml file works too.",
    )


def _parse_assignment(text: str) -> Document:
    dotted, sign, raw = text.partition("=")
    if not sign or not dotted.strip():
        raise ProtocolError(
            f"--set takes key=value, not '{text}'.", hint="For example: --set finetuning.epochs=10"
        )
    try:
        value = YAML(typ="safe", pure=True).load(raw) if raw.strip() else None
    except YAMLError:
        raise ProtocolError(f"--set {dotted}: '{raw}' is not a YAML value.") from None
    return assignment(dotted.strip(), value, f"--set {text}")


def _problem(model: type[BaseModel], document: Document, item: Any) -> tuple[Location | None, str]:
    path = _document_path(document.values, item["loc"])
    dotted = ".".join(str(part) for part in path)
    place = document.locate(path)
    if item["type"] == "extra_forbidden":
        siblings = _fields_at(model, path[:-1])
        near = did_you_mean(str(path[-1]), siblings)
        return place, f"unknown key '{dotted}'.{near}"
    if item["type"] == "missing":
        return place, f"'{dotted}' is missing"
    message = item["msg"].removeprefix("Value error, ")
    given = item.get("input")
    shown = f", got {given!r}" if isinstance(given, str | int | float | bool) else ""
    return place, f"'{dotted}': {message}{shown}" if dotted else message


def _document_path(values: Any, loc: Sequence[str | int]) -> list[str | int]:
    """Keep the parts of pydantic's location that exist in the document, and the last one."""
    path: list[str | int] = []
    current = values
    for index, part in enumerate(loc):
        if isinstance(current, dict) and part in current:
            current = current[str(part)]
        elif isinstance(current, list) and isinstance(part, int) and part < len(current):
            current = current[part]
        elif index < len(loc) - 1 or not isinstance(current, dict):
            continue
        path.append(part)
    return path


def _fields_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the field names of the model at `path` (for suggestions)."""
    current: Any = model
    for part in path:
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            return []
        info = current.model_fields.get(str(part))
        if info is None:
            continue
        current = _model_in(info.annotation)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return []


def _model_in(annotation: Any) -> Any:
    """Return the model inside Optional, dict, tuple or Annotated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
