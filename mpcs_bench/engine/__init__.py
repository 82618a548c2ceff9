"""From cells to results: keys, plan, worker processes, commits, resume."""
