"""What a plugin author imports, and the registry that finds plugins; imports no torch."""

from __future__ import annotations

from mpcs_bench.registry.dataset import Dataset, KnownDefect, Sample, Scan, Unreadable
from mpcs_bench.registry.discovery import Entry, entry_for
from mpcs_bench.registry.encoder import Encoder, Precisions, Preprocessing, TimmModel
from mpcs_bench.registry.loss import Loss, check_projections
from mpcs_bench.registry.plugin import KINDS, Kind, Plugin, PluginParams
from mpcs_bench.registry.registry import ParamsError, Registry, ResolvedPlugin
from mpcs_bench.registry.strategy import ImageSets, PairStrategy, ViewPlan, draw_available

__all__ = [
    "KINDS",
    "Dataset",
    "Encoder",
    "Entry",
    "ImageSets",
    "Kind",
    "KnownDefect",
    "Loss",
    "PairStrategy",
    "ParamsError",
    "Plugin",
    "PluginParams",
    "Precisions",
    "Preprocessing",
    "Registry",
    "ResolvedPlugin",
    "Sample",
    "Scan",
    "TimmModel",
    "Unreadable",
    "ViewPlan",
    "check_projections",
    "draw_available",
    "entry_for",
]
