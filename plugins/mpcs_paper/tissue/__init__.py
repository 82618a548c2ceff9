"""Synthetic H&E tissue: laid out once per sample in micrometres, drawn at any magnification."""
