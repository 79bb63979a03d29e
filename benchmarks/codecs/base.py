"""What the benchmark needs to know of a codec.

A codec is a pair of functions plus the settings at which its curve is drawn.
Settings run from the smallest file to the largest, whatever the codec calls
them (quality, distance, decibels).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Point:
    """One coded picture: the file's size, what it decodes to, and the time it took."""

    setting: float
    label: str
    n_bytes: int
    pixels: np.ndarray  # (H, W, 3) uint8
    encode_s: float | None  # None where it was not timed
    decode_s: float | None
    encode_runs: int
    decode_runs: int
    on_curve: bool = True  # False for thumbnails, which no rate-distortion curve should hold


@dataclass(frozen=True)
class Codec:
    """A way to turn (H, W, 3) uint8 sRGB pixels into bytes and back.

    encode(pixels, setting, threads) -> bytes; decode(data, threads) -> pixels.
    ``threads`` is a request: a single-threaded library ignores it (the timed
    part is held to that many cores in any case, see timing.py).
    """

    key: str  # file name of the results: lower case, no spaces
    name: str  # as people know it
    description: str  # library, version and every option that is not a default
    settings: tuple[float, ...]
    encode: Callable[[np.ndarray, float, int], bytes]
    decode: Callable[[bytes, int], np.ndarray]
    setting_name: str = "quality"
    integer_settings: bool = False
    lossless: bool = False
    ours: bool = False
    extra: dict = field(default_factory=dict)

    def spread(self, n: int) -> tuple[float, ...]:
        """``n`` of the settings, evenly spread, both ends kept (all of them if fewer)."""
        if n >= len(self.settings):
            return self.settings
        picks = np.linspace(0, len(self.settings) - 1, max(n, 2)).round().astype(int)
        return tuple(self.settings[i] for i in picks)

    def label(self, setting: float) -> str:
        return f"{self.setting_name} {setting:g}"

    def points(self, pixels: np.ndarray, settings, threads: int, timed) -> Iterator[Point]:
        """Encode and decode at each setting; ``timed(f, *args)`` returns (result, s, runs)."""
        for setting in settings:
            data, encode_s, encode_runs = timed(self.encode, pixels, setting, threads)
            decoded, decode_s, decode_runs = timed(self.decode, data, threads)
            yield Point(setting, self.label(setting), len(data), decoded, encode_s, decode_s, encode_runs, decode_runs)
