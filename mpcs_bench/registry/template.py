"""`mpcs-bench plugins new`: a first plugin of a kind, as one file that passes its suite."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from mpcs_bench.errors import PluginError, did_you_mean
from mpcs_bench.registry.class_contract import NAME
from mpcs_bench.registry.plugin import KINDS, Kind


def write_template(kind: Kind, name: str, folder: Path) -> list[Path]:
    """Write a plugin file named after the plugin into `folder` and return the paths written.

    `my-pairs` becomes `my_pairs.py` with a class `MyPairs`; the plugin's full name is then
    `my_pairs/my-pairs`. Raises PluginError for an unknown kind, an unusable name, and where the
    file is there already: nothing is overwritten.
    """
    if kind not in KINDS:
        raise PluginError(
            f"There is no kind of plugin called '{kind}'.{did_you_mean(kind, list(KINDS))}",
            hint=f"Kinds: {', '.join(KINDS)}.",
        )
    if not NAME.fullmatch(name) or not name[0].isalpha():
        raise PluginError(
            f"'{name}' cannot name a plugin.",
            hint="Start with a lower-case letter; go on with such letters, digits and . _ -",
        )
    words = re.split(r"[._-]+", name.rstrip("._-"))
    path = folder / f"{'_'.join(words)}.py"
    template = files("mpcs_bench.registry") / "templates" / f"{kind}.py.template"
    source = Template(template.read_text(encoding="utf-8")).substitute(
        name=name, class_name="".join(word[:1].upper() + word[1:] for word in words)
    )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(source)
    except FileExistsError as error:
        raise PluginError(
            f"{path} exists already, and is left as it is.", hint="Choose another name or folder."
        ) from error
    return [path]
