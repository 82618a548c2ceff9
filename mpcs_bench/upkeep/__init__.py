"""The upkeep of a workspace: what nothing needs any more, and results that are to be made anew."""
