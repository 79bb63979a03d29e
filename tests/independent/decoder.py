"""A file -> its picture after every level."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from . import container, deep, pixels, restoration, weights
from .latents import Latents
from .picture import Synthesis
from .representations import Representations
from .symbols import Expectation, Reader

FIRST_PLANE = 2  # levels before it, those of representations


@dataclass
class Shown:
    """One picture in 8 and in 16 bits, (H, W, 3)."""

    x8: np.ndarray
    x16: np.ndarray


def pictures(data: bytes) -> Iterator[Shown]:
    """What a reader shows that stops after level 1, 2, ...: each picture knows nothing of the levels after its own."""
    file = container.read(data)
    model = weights.of_model(file.model_id)
    y = Representations(file, model)
    latents: Latents
    x: np.ndarray  # the exact pixels of 8 bits, (3, H, W)
    for index, level in enumerate(file.levels):
        plane = index - FIRST_PLANE
        if plane < 0:
            reader = Reader(level, model)
            y.settle(index, reader)
            reader.finish()
            yield _shown(file, Synthesis(_expected(y, index + 1), 0), None)
        elif plane < file.planes:
            reader = Reader(level, model)
            if plane == 0:
                latents = Latents(y)
            latents.plane(plane, reader)
            restored = None if file.lossless else restoration.read(reader)
            reader.finish()
            yield _shown(file, Synthesis(latents, plane), restored)
        elif plane == file.planes:
            if pixels.is_raw(file, level):
                x = pixels.raw(file, level)
            else:
                reader = Reader(level, model)
                x = pixels.read(file, model, reader, Synthesis(latents, file.planes - 1).at(1))
                reader.finish()
            yield _exact(257 * x)
        else:
            yield _exact(deep.read(file, level, x))


def _expected(y: Representations, settled: int) -> Latents:
    """Plane 0 and what before it was not read ("Expectation")."""
    y = copy.copy(y)
    for index in range(settled, FIRST_PLANE):
        y.settle(index, Expectation())
    latents = Latents(y)
    latents.plane(0, Expectation())
    return latents


def _shown(file: container.File, synthesis: Synthesis, restored: restoration.Restoration | None) -> Shown:
    if restored is None:
        x8, x16 = synthesis.at(1), synthesis.at(257)
    else:
        v = restoration.restored(synthesis, restored)
        x8, x16 = (v + 8) >> 4, (257 * v + 8) >> 4
    return _picture(x8[:, : file.height, : file.width], x16[:, : file.height, : file.width])


def _exact(x16: np.ndarray) -> Shown:
    return _picture((x16 + 128) // 257, x16)


def _picture(x8: np.ndarray, x16: np.ndarray) -> Shown:
    return Shown(x8.transpose(1, 2, 0).astype(np.uint8), x16.transpose(1, 2, 0).astype(np.uint16))
