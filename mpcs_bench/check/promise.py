"""Where two runs of one stage are promised to be equal bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

PACKAGES = ("torch", "torchvision", "timm", "numpy", "imagecodecs", "scikit-learn")
"""Packages whose numbers end in a result; others only store or print them."""
OPENCV = tuple(
    f"opencv{contrib}-python{head}" for contrib in ("", "-contrib") for head in ("", "-headless")
)
"""The names under which one library is installed."""
FIELDS = ("python", "processor", "threads", "deterministic")
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "MKL_CBWR", "CUBLAS_WORKSPACE_CONFIG")
"""Environment variables that change numbers; not being set is a value too."""


def broken_promise(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what differs between two environments that equal digests rest on; [] promises them.

    What neither says may differ, and promises nothing. Another commit breaks no promise: that its
    numbers are the same is what is checked.
    """
    left, right = dict(_facts(before)), dict(_facts(after))
    found = [
        f"{name} {left.get(name)} -> {right.get(name)}"
        for name in dict.fromkeys([*left, *right])
        if left.get(name) != right.get(name)
    ]
    found += [
        f"not known: {name}" for name in left if left[name] is None and right.get(name) is None
    ]
    if after.get("deterministic") is False:
        found.append("the environment asks for no determinism")
    return found


def device_kind(environment: Mapping[str, Any]) -> str | None:
    """Return the kind of device, `cpu` or `cuda`, whatever its number; None where none is named."""
    return str(environment.get("device") or "").partition(":")[0] or None


def _facts(environment: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what equality rests on; None is what the environment does not say."""
    device = device_kind(environment)
    yield "device", device
    packages = {**environment.get("packages", {}), **environment.get("installed", {})}
    for name in PACKAGES:
        yield name, (packages[name] or "not installed") if name in packages else None
    yield "opencv", _opencv(packages)
    for name in FIELDS:
        yield name, environment.get(name)
    # The kernel's version does not matter, its architecture and C library do.
    yield "platform", _platform(str(environment.get("platform") or "")) or None
    yield "CPU kernels", environment.get("cpu")
    variables = environment.get("variables")
    for name in VARIABLES:
        yield name, None if variables is None else variables.get(name, "not set")
    for name, value in sorted((environment.get("settings") or {}).items()):
        yield name, value
    if device == "cuda":
        gpu = environment.get("gpu") or {}
        for name in ("name", "cuda", "cudnn"):
            yield f"gpu {name}", gpu.get(name)


def _opencv(packages: Mapping[str, str | None]) -> str | None:
    found = sorted({str(packages[name]) for name in OPENCV if packages.get(name)})
    return " and ".join(found) or None


def _platform(text: str) -> str:
    system, _, rest = text.partition("-")
    machine = next((m for m in ("x86_64", "aarch64", "arm64", "AMD64") if m in rest), "")
    library = rest.rpartition("with-")[2] if "with-" in rest else ""
    return " ".join(filter(None, (system, machine, library)))
