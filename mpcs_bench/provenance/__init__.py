"""Where a result comes from: protocol, data, code, environment; and how it is repeated."""
