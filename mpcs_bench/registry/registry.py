"""The registry: from the name of a plugin in a protocol to the plugin itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar, overload

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mpcs_bench.errors import PluginError, did_you_mean
from mpcs_bench.registry.discovery import Entry, file_plugins, installed_plugins
from mpcs_bench.registry.encoder import Encoder
from mpcs_bench.registry.plugin import Kind, Plugin, PluginParams

P = TypeVar("P", bound=Plugin)
Place = tuple[str | int, ...]


class ParamsError(PluginError):
    """Parameters that the plugin's `Params` refuse.

    `errors` lists (place, message): place is the path within the parameters, outermost first,
    so that a protocol can point at the line.
    """

    def __init__(self, plugin: str, errors: Sequence[tuple[Place, str]]) -> None:
        lines = [f"{'.'.join(map(str, place)) or 'params'}: {text}" for place, text in errors]
        super().__init__(f"Parameters of '{plugin}': " + "; ".join(lines))
        self.errors = list(errors)


@dataclass(frozen=True, slots=True)
class ResolvedPlugin:
    """A plugin and its validated parameters: all that its results depend on."""

    kind: Kind
    full_name: str
    version: str
    source_sha256: str | None
    params: PluginParams

    def identity(self) -> dict[str, Any]:
        """Return what stands in a stage's key, ready for JSON.

        `resolve(kind, identity["plugin"], identity["params"])` gives this plugin again.
        """
        identity: dict[str, Any] = {"plugin": self.full_name, "version": self.version}
        if self.source_sha256 is not None:
            identity["source"] = self.source_sha256
        return identity | {"params": self.params.model_dump(mode="json")}


class _Match(NamedTuple):
    entry: Entry
    params: dict[str, Any]  # what the reference itself says: the member of a family


class Registry:
    """The plugins that are at hand, by kind and name.

    Raises PluginError where two plugins have the same kind and full name.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = sorted(entries, key=lambda entry: (entry.kind or "", entry.full_name))
        seen: dict[tuple[Kind | None, str], Entry] = {}
        for entry in self._entries:
            other = seen.setdefault((entry.kind, entry.full_name), entry)
            if other is not entry:
                raise PluginError(
                    f"Two plugins ({entry.kind or 'file'}) are called '{entry.full_name}': "
                    f"{other.origin} and {entry.origin}.",
                    hint="Rename one of them, or leave one out.",
                )

    @classmethod
    def discover(cls, plugin_files: Sequence[Path] = ()) -> Self:
        """Find installed plugins (imported only when asked for) and run `plugin_files`.

        Raises PluginError for a file that is not there, and for two plugins of one name.
        """
        files = dict.fromkeys(path.resolve() for path in plugin_files)
        return cls([*installed_plugins(), *(e for path in files for e in file_plugins(path))])

    def entries(self, kind: Kind | None = None) -> list[Entry]:
        """Return all plugins (of one kind), by kind and full name; broken ones included."""
        return [entry for entry in self._entries if kind in (None, entry.kind)]

    def lookup(self, name: str) -> list[Entry]:
        """Return the plugins of any kind with this full or short name; broken ones included."""
        return [entry for entry in self._entries if name in (entry.full_name, entry.name)]

    def get(self, kind: Kind, name: str) -> Entry:
        """Return the plugin `name` (`package/name`, short where unique, or `family/NAME`).

        Raises PluginError where it is unknown, ambiguous or broken.
        """
        return self._find(kind, name).entry

    def full_name(self, kind: Kind, reference: str) -> str:
        """Return `package/name`, or `package/family/NAME`, of what `reference` means.

        Raises PluginError as `get` does.
        """
        return _spelt_out(self._find(kind, reference))

    def resolve(
        self, kind: Kind, reference: str, params: Mapping[str, Any] | None = None
    ) -> ResolvedPlugin:
        """Return the plugin that `reference` means, with `params` validated and completed.

        Raises PluginError as `get` does, and ParamsError where its `Params` refuse `params`.
        """
        entry, implied = self._find(kind, reference)
        given = dict(params or {})
        errors: list[tuple[Place, str]] = [
            ((key,), f"'{reference}' already says {key}: {value}")
            for key, value in implied.items()
            if given.get(key, value) != value
        ]
        if errors:
            raise ParamsError(entry.full_name, errors)
        return ResolvedPlugin(
            kind=kind,
            full_name=entry.full_name,
            version=entry.cls.version,
            source_sha256=entry.source_sha256,
            params=validate_params(entry, given | implied),
        )

    @overload
    def create(self, resolved: ResolvedPlugin) -> Plugin: ...
    @overload
    def create(self, resolved: ResolvedPlugin, base: type[P]) -> P: ...
    def create(self, resolved: ResolvedPlugin, base: type[Any] = Plugin) -> Any:
        """Return the plugin itself; `base` (Encoder, Loss ...) tells the type checker its kind.

        Raises PluginError where its version or source is no longer what was resolved.
        """
        entry = self.get(resolved.kind, resolved.full_name)
        now = (entry.cls.version, entry.source_sha256)
        if now != (resolved.version, resolved.source_sha256):
            raise PluginError(
                f"The plugin '{resolved.full_name}' ({entry.origin}) has changed since the plan "
                f"was made: version {resolved.version}, now {entry.cls.version}.",
                hint="Plan again.",
            )
        plugin = entry.cls(resolved.params)
        if not isinstance(plugin, base):
            raise PluginError(f"'{resolved.full_name}' is a {resolved.kind}, not {base.__name__}.")
        return plugin

    def _find(self, kind: Kind, reference: str) -> _Match:
        entries = self.entries(kind)
        found = [e for e in entries if e.full_name == reference] or [
            e for e in entries if e.name == reference
        ]
        matches = [_Match(entry, {}) for entry in found]
        if not matches and kind == "encoder":
            matches = _family_members(entries, reference)
        if len(matches) > 1:
            names = [_spelt_out(match) for match in matches]
            raise PluginError(
                f"The {kind} '{reference}' is ambiguous: {', '.join(names)}.",
                hint=f"Write the full name, such as '{names[0]}'.",
            )
        if not matches:
            raise self._unknown(kind, reference)
        _ = matches[0].entry.cls  # a broken plugin is reported here, with its reason
        return matches[0]

    def _unknown(self, kind: Kind, reference: str) -> PluginError:
        entries = self.entries(kind)
        member = reference.partition("/")[2]
        names = [entry.name for entry in entries]
        known = names if not member else [entry.full_name for entry in entries]
        families = [f"{family}/{member}" for family in _families(entries) if member]
        lines = [f"Known: {', '.join(sorted(e.full_name for e in entries)) or 'none'}."]
        broken = [e for e in self._entries if e.kind in (None, kind) and e.reason]
        if broken:
            listed = "; ".join(f"{e.full_name} ({e.reason})" for e in broken)
            lines.append(f"Broken, and so perhaps the one you mean: {listed}")
        suggestion = did_you_mean(reference, known + families)
        return PluginError(f"No {kind} is called '{reference}'.{suggestion}", hint="\n".join(lines))


def validate_params(entry: Entry, params: Mapping[str, Any]) -> PluginParams:
    """Return the plugin's validated `Params`. Raises ParamsError."""
    cls = entry.cls.Params
    try:
        return cls.model_validate(dict(params))
    except ValidationError as error:
        fields = list(cls.model_fields)
        errors = [(detail["loc"], _message(detail, fields)) for detail in error.errors()]
        raise ParamsError(entry.full_name, errors) from error


def _message(detail: ErrorDetails, fields: list[str]) -> str:
    if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1:
        name = str(detail["loc"][0])
        near = did_you_mean(name, fields)
        return f"unknown parameter '{name}' (known: {', '.join(fields) or 'none'}).{near}"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return detail["msg"]


def _families(entries: list[Entry]) -> list[str]:
    classes = [entry.cls for entry in entries if entry.reason is None]
    return [c.family for c in classes if issubclass(c, Encoder) and c.family is not None]


def _family_members(entries: list[Entry], reference: str) -> list[_Match]:
    found = []
    for entry in entries:
        for family in _families([entry]):
            for prefix in (f"{family}/", f"{entry.package}/{family}/"):
                member = reference.removeprefix(prefix)
                if member and member != reference:
                    found.append(_Match(entry, {"name": member}))
    return found


def _spelt_out(match: _Match) -> str:
    if not match.params:
        return match.entry.full_name
    (family,) = _families([match.entry])
    return f"{match.entry.package}/{family}/{match.params['name']}"
