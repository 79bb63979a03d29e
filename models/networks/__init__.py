"""The networks in floating point, for training. Needs torch."""
