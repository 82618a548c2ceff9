"""Data sets of the paper, and the synthetic tissue that stands in for them."""
