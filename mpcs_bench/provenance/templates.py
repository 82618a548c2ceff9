"""Text files made from templates under `reports/templates`; none of them is HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpcs_bench.report.definitions import templates_folder


def rendered(template: str, values: Mapping[str, Any]) -> str:
    """Return a template filled with `values`; a name that it lacks is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)
