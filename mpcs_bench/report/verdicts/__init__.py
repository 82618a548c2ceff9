"""Whether published values and claims are reproduced by our results (docs/verdicts.md)."""
