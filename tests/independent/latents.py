"""Levels 3 and on: the activity map, z[2], and the planes of z[1] ("Order", "Groups", "Digits", "Networks")."""

from __future__ import annotations

import numpy as np

from .cells import ARRAY_VALUES, SUB_LATTICES, averaged, into_channels
from .networks import network
from .representations import Representations
from .step_field import MAP_CELL, StepField
from .symbols import Expectation, Reader

CHANNELS = 192  # of z[1]
HALF = 2  # an answer's channels are means, then as many scale levels
EVERY_BLOCK = (0, 0, 1)  # first row, first column, distance


class Latents:
    def __init__(self, y: Representations):
        self.file, self.weights, self.config, self.t_of_y = y.file, y.weights, y.weights.config, y.t
        self.base = y.rgb().clip(0, 256)
        self.base_stride = y.strides[-1]
        self.conditions = [(self.base, self.base_stride)]
        if y.edges is not None:
            self.conditions.insert(0, (128 * (1 + y.edges), y.strides[0]))
        self.shape = tuple(side // 8 for side in self.file.padded)
        self.symbols = np.zeros((CHANNELS, *self.shape), np.int64)  # q of the last plane
        self.z = np.zeros((CHANNELS, *self.shape), np.int64)  # in 1/256 of its local step
        self.field: StepField
        self.context: np.ndarray

    def plane(self, index: int, coder: Reader | Expectation) -> None:
        coder.begin_latents()
        if index == 0:
            self._begin(coder)
        groups = coder.groups(len(self.config["groups"]))
        coarser = self.symbols
        self.symbols = 3 * coarser  # of planes before the first all symbols are 0
        self.z = 256 * self.symbols
        ends = np.cumsum([0, *self.config["groups"]])
        channels = [slice(first, last) for first, last in zip(ends[:-1], ends[1:])][:groups]
        led = 0
        if index == 0:
            led = min(self.config["lead_groups"], groups)
            self._leading(channels[:led], coder)
        if led < groups:
            self._further(index, channels, led, coarser, coder)

    def _network(self, name: str, plane: int):
        return network(self.weights, name, self.file.step_of(plane))

    def _begin(self, coder: Reader | Expectation) -> None:
        """What comes before the channels of plane 0, and what all planes are given."""
        activity = self._activity(coder) if self.file.activity else None
        self.field = StepField(self.weights, self.file.fall, activity, self.shape)
        answer = self._network("z2_prior", 0)(*self._seen(64))
        mean, level = np.split(answer, HALF)
        context = coder.around(mean, level)
        told = [self.field.ends()[:, ::2, ::2]] if self.config["told_field"] else []
        for stride in (64, 32, 16):
            seen = self._seen(stride)
            context = self._network(f"context.at{stride}", 0)(context, *(told if stride == 16 else []), *seen)
        finer = [condition for condition, (_, own) in zip(seen, self.conditions) if own < 16]
        self.context = np.concatenate([context, *finer])

    def _activity(self, coder: Reader | Expectation) -> np.ndarray:
        """Section "Activity": symbols that lie in the padding alone are 0."""
        stride = 8 * MAP_CELL
        activity = np.zeros((1, *(side // stride for side in self.file.padded)), np.int64)
        inside = activity[:, : -(-self.file.height // stride), : -(-self.file.width // stride)]
        seen = into_channels(self.base - 128, 2 * stride // self.base_stride)
        before: list[np.ndarray] = []
        for i, (row, column) in enumerate(SUB_LATTICES):
            answer = network(self.weights, f"activity_prior.{i}", self.t_of_y)(seen, *before)
            here = inside[:, row::2, column::2]
            mean, level = np.split(answer[:, : here.shape[1], : here.shape[2]], HALF)
            here[:] = coder.around(mean, level)
            before.append(activity[:, row::2, column::2].copy())
        return activity

    def _seen(self, stride: int) -> list[np.ndarray]:
        """All conditions at a stride."""
        seen = []
        for condition, own in self.conditions:
            cell = max(own, stride // 8)
            seen.append(into_channels(averaged(condition, cell // own) - 128, stride // cell))
        return seen

    def _leading(self, groups: list[slice], coder: Reader | Expectation) -> None:
        before = [self.context]
        for group, channels in enumerate(groups):
            for i, (row, column) in enumerate(SUB_LATTICES):
                answer = self._network(f"lead_prior.{4 * group + i}", 0)(*before)
                self._settle(channels, (row, column, 2), answer, coder, refines=False)
                before.append(self._known(self.symbols, channels)[:, row::2, column::2])

    def _further(self, plane: int, groups: list[slice], first: int, coarser: np.ndarray, coder) -> None:
        features = self._network("context_at8", plane)(self.context)
        if plane:
            features = self._network("coarse", plane)(features, self._known(coarser, slice(None)))
        for group in range(first, len(groups)):
            before = [self._known(self.symbols, channels) for channels in groups[:group]]
            answer = self._network(f"groups.{group}", plane)(features, *before)
            self._settle(groups[group], EVERY_BLOCK, answer, coder, refines=plane > 0)

    def _known(self, symbols: np.ndarray, channels: slice) -> np.ndarray:
        return self.field.known(symbols[channels], channels)

    def _settle(self, channels: slice, lattice: tuple, answer: np.ndarray, coder, *, refines: bool) -> None:
        """Symbols, or digits, of some channels at some of the blocks that touch the picture."""
        row, column, distance = lattice
        rows, columns = (slice(start, end, distance) for start, end in zip((row, column), self.file.blocks))
        at_once = max(1, ARRAY_VALUES // answer[0].size)  # positions in the padding count
        means, levels = np.split(answer, HALF)
        for first in range(channels.start, channels.stop, at_once):
            some = slice(first, min(first + at_once, channels.stop))
            region = some, rows, columns
            n = self.field.n[region]
            inside = slice(some.start - channels.start, some.stop - channels.start), *map(slice, n.shape[1:])
            mean, level = self.field.local(means[inside], levels[inside], n)
            symbols = coder.digits(mean, level) if refines else coder.around(mean, level)
            # A digit and its coefficient count from the middle of the coarser interval, which both hold already.
            self.z[region] += coder.coefficients(symbols, mean, level)
            self.symbols[region] += symbols
