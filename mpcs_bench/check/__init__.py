"""Is the harness still what it was: a run held to a stored baseline, stored cells run again."""
