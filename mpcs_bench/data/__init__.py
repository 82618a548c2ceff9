"""Sample index, pixels decoded once, splits, leakage audit, sets, augmentation."""
