"""Symbols that surprise no prior: what an encoder may skip."""

import numpy as np

from selfvae_codec.coding.lookup import digit_tables, symbol_tables


def unsurprising(models, mean, level, symbols, *, digits):
    """The same, but for near-certain ones, which are as expected. mean, level, symbols: as of a coder."""
    if digits:
        table = digit_tables(mean, level)
        expected, certain = models.likeliest_digit[table], models.digit_certain[table]
    else:
        expected, table = symbol_tables(mean, level)
        certain = models.symbol_certain[table]
    return np.where(certain, expected, symbols)
