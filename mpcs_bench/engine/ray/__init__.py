"""Stages on a Ray cluster, or on a Ray of this machine's own. Importing this imports no ray."""

from __future__ import annotations

from mpcs_bench.engine.ray.entry import ray_device, ray_executor
from mpcs_bench.engine.ray.options import RayOptions

__all__ = ["RayOptions", "ray_device", "ray_executor"]
