"""Where plugins are found: entry points of installed packages, and single files.

Entry points are imported when they are asked for, never at discovery. A plugin that cannot be
imported, or does not keep its contract, stays an entry and keeps its traceback.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property
from importlib.abc import SourceLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from mpcs_bench.errors import PluginError
from mpcs_bench.registry.class_contract import BASES, check_class
from mpcs_bench.registry.plugin import KINDS, Kind, Plugin

GROUPS: dict[Kind, str] = {
    "dataset": "mpcs_bench.datasets",
    "strategy": "mpcs_bench.strategies",
    "encoder": "mpcs_bench.encoders",
    "loss": "mpcs_bench.losses",
}


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a plugin cannot be used: one line, and the whole traceback."""

    reason: str
    traceback: str


@dataclass(frozen=True)
class Entry:
    """One plugin that was found, loaded or not.

    `package` is the import package of an installed plugin, or the stem of a plugin file;
    `origin` the entry point with its distribution and version, or the file's path;
    `source_sha256` the digest of a plugin file's source (None for an installed plugin).
    A file that could not be imported is an entry without kind and name.
    """

    kind: Kind | None
    package: str
    name: str
    origin: str
    source_sha256: str | None
    loader: Callable[[], type[Plugin]] = field(repr=False, compare=False)

    @property
    def full_name(self) -> str:
        """`package/name`; the package alone for a file that could not be imported."""
        return f"{self.package}/{self.name}" if self.name else self.package

    @cached_property
    def _loaded(self) -> type[Plugin] | _Failure:
        try:
            return self.loader()
        except PluginError as error:
            return _Failure(error.message, str(error))
        except (Exception, SystemExit) as error:  # a stranger's module may do anything
            text = "".join(traceback.format_exception(error))
            return _Failure(f"{type(error).__name__}: {error}".strip().splitlines()[0], text)

    @property
    def cls(self) -> type[Plugin]:
        """The plugin's class, imported now if it was not. Raises PluginError where it is broken."""
        if isinstance(self._loaded, _Failure):
            raise PluginError(
                f"The plugin '{self.full_name}' ({self.origin}) cannot be used: "
                f"{self._loaded.reason}",
                hint=f"`mpcs-bench plugins show {self.full_name}` prints the whole traceback.",
            )
        return self._loaded

    @property
    def version(self) -> str | None:
        """The version that the class declares; None where the plugin is broken."""
        return None if isinstance(self._loaded, _Failure) else self._loaded.version

    @property
    def reason(self) -> str | None:
        """Why the plugin cannot be used, in one line; None where it can."""
        return self._loaded.reason if isinstance(self._loaded, _Failure) else None

    @property
    def traceback(self) -> str | None:
        """The traceback of a broken plugin, or None."""
        return self._loaded.traceback if isinstance(self._loaded, _Failure) else None


def installed_plugins() -> list[Entry]:
    """Return an entry for each entry point of an installed package, without importing any."""
    return [
        _installed(kind, point)
        for kind, group in GROUPS.items()
        for point in sorted(entry_points(group=group), key=lambda point: point.value)
    ]


def file_plugins(path: Path) -> list[Entry]:
    """Return an entry for each plugin class that the file `path` defines; this runs the file.

    A file that raises, or defines no plugin, gives one broken entry.
    Raises PluginError where there is no such file.
    """
    path = path.resolve()
    try:
        source = path.read_bytes()
    except OSError as error:
        raise PluginError(
            f"The plugin file {path} cannot be read: {error.strerror}.",
            hint="`--plugin` takes the path of a Python file.",
        ) from error
    sha256 = hashlib.sha256(source).hexdigest()

    def entry(kind: Kind | None, name: str, loader: Callable[[], type[Plugin]]) -> Entry:
        return Entry(kind, path.stem, name, str(path), sha256, loader)

    try:
        found = _defined_plugins(_import_file(path, source))
    except (Exception, SystemExit) as error:
        return [entry(None, "", _raiser(error))]
    if not found:
        nothing = PluginError(
            f"The file {path} defines no plugin.",
            hint="Subclass Dataset, PairStrategy, Encoder or Loss and set its `name`.",
        )
        return [entry(None, "", _raiser(nothing))]
    return [entry(kind, str(cls.name), _checker(cls, kind)) for kind, cls in found]


def entry_for(cls: type[Plugin]) -> Entry:
    """Return an entry for a class at hand, so that a test can give it to the contract suite."""
    kind = next((kind for kind in KINDS if issubclass(cls, BASES[kind])), None)
    package = cls.__module__.partition(".")[0]
    name = str(getattr(cls, "name", cls.__name__))
    origin = f"{cls.__module__}:{cls.__qualname__}"
    if kind is None:
        raise PluginError(
            f"{origin} is not a plugin.",
            hint="Subclass Dataset, PairStrategy, Encoder or Loss.",
        )
    return Entry(kind, package, name, origin, None, _checker(cls, kind))


def _installed(kind: Kind, point: EntryPoint) -> Entry:
    distribution = f" ({point.dist.name} {point.dist.version})" if point.dist else ""

    def load() -> type[Plugin]:
        with _stdout_kept_clean():
            loaded = point.load()
        cls = check_class(loaded, kind)
        if cls.name != point.name:
            raise PluginError(
                f"The entry point '{point.name}' ({point.value}) loads a {kind} named "
                f"'{cls.name}'.",
                hint="Give the entry point and the class's `name` the same name.",
            )
        return cls

    package = point.module.partition(".")[0]
    return Entry(kind, package, point.name, f"{point.value}{distribution}", None, load)


def _stdout_kept_clean() -> AbstractContextManager[object]:
    """Send what a module prints while it is imported to stderr: stdout may be JSON."""
    return redirect_stdout(sys.stderr)


class _PinnedSource(SourceLoader):
    """Runs exactly the bytes whose digest was taken, past any bytecode cache."""

    def __init__(self, path: Path, source: bytes) -> None:
        self._path = str(path)
        self._source = source

    def get_filename(self, fullname: str) -> str:
        return self._path

    def get_data(self, path: str) -> bytes:
        if path != self._path:
            raise OSError(f"no {path} beside a plugin file")
        return self._source


def _import_file(path: Path, source: bytes) -> ModuleType:
    # The name holds path and content: an edited file is a new module, the same file the same one.
    digest = hashlib.sha256(str(path).encode() + b"\0" + source).hexdigest()[:16]
    name = f"mpcs_bench_plugin_{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_loader(name, _PinnedSource(path, source))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _stdout_kept_clean():
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _defined_plugins(module: ModuleType) -> list[tuple[Kind, type[Plugin]]]:
    return [
        (kind, cls)
        for cls in dict.fromkeys(filter(inspect.isclass, vars(module).values()))
        if cls.__module__ == module.__name__ and "name" in vars(cls)
        for kind in KINDS
        if issubclass(cls, BASES[kind])
    ]


def _raiser(error: BaseException) -> Callable[[], type[Plugin]]:
    def load() -> type[Plugin]:
        raise error

    return load


def _checker(cls: type[Plugin], kind: Kind) -> Callable[[], type[Plugin]]:
    return lambda: check_class(cls, kind)
