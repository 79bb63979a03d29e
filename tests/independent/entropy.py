"""Sections "Payload" and "rANS": a payload as a sequence of symbols, each of a probability."""

from __future__ import annotations

import struct
from bisect import bisect_right

TOTAL_BITS = 24
TOTAL = 1 << TOTAL_BITS  # what a row of frequencies sums to


class RansReader:
    def __init__(self, payload: bytes):
        assert not payload.startswith(b"\0")
        whole = bytes(-len(payload) % 4) + payload
        self.words = iter(struct.unpack(f">{len(whole) // 4}I", whole))
        self.state = 0
        for _ in range(2):
            self._take_word()

    def _take_word(self) -> None:
        word = next(self.words, None)
        if word is not None:
            self.state = self.state << 32 | word

    def _pass(self, start: int, frequency: int) -> None:
        self.state = frequency * (self.state >> TOTAL_BITS) + self.state % TOTAL - start
        if self.state < 1 << 32:
            self._take_word()

    def symbol(self, starts: list[int]) -> int:
        """starts: of each symbol the frequencies of those before it, and TOTAL at the end."""
        symbol = bisect_right(starts, self.state % TOTAL) - 1
        self._pass(starts[symbol], starts[symbol + 1] - starts[symbol])
        return symbol

    def number(self, bits: int) -> int:
        """One symbol of 2^bits at even odds."""
        each = TOTAL >> bits
        number = self.state % TOTAL // each
        self._pass(number * each, each)
        return number

    def is_empty(self) -> bool:
        return self.state == 0 and next(self.words, None) is None
