"""Symbols and levels: one walk over the levels of a picture, and the coders that settle its symbols."""
