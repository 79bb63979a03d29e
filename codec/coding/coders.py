"""Ways to settle a symbol: write it, read it, expect it, or draw it; or read it as long as there is something to read.

One interface (walk.py asks it):

    symbols(mean, level, actual)  integers around a mean, from a logistic at a scale level
    digits(mean, level, actual)   -1, 0 or 1 inside a coarser bin, mean relative to its centre
    edges(rows, actual)           0 or 1, an edge map's, from its own table; a row for each probability
    pixels(mean, level, actual)   like symbols, from the pixels' own tables; never chosen
    variant(count, actual)        which of ``count`` variants of the networks code what follows, or another small number
    numbers(level, actual)        integers around 0, as they are: never chosen, never left out
    follows(actual)               whether something follows that only an encoder can know
    groups(count, actual)         how many of ``count`` groups of channels a plane says; symbols of the rest are 0

Means are int32 in 1/MEAN_UNITS of a step, levels int32 table indices; all arrays of one call share their shape.
``actual`` is what the encoder wants coded, whole numbers or not; other coders ignore it.
"""

from __future__ import annotations

import zlib
from typing import Any, Protocol

import numpy as np

from ..errors import ChecksumError, MismatchError
from ..models.tables import EDGE_LOGIT_MAX, EDGE_UNITS, ESCAPE, MEAN_UNITS, PRECISION, TAIL
from .entropy import Decoder, Encoder, Tables
from .field import Field, Region
from .lookup import digit_tables, symbol_tables
from .settled import Settled
from .writing import new_encoder

SKIP_BITS = 13  # a symbol whose likeliest value has probability 1 - 2^-13 or more may go unsaid


class Models:
    """The tables of one weights file, ready for use by coders."""

    def __init__(self, tables: dict[str, np.ndarray]):
        self.symbols = Tables(tables["symbols"])
        self.digits = Tables(tables["digits"])
        self.pixels = Tables(tables["pixels"])
        self.edges = Tables(tables["edges"]) if "edges" in tables else None
        enough = (1 << PRECISION) - (1 << PRECISION - SKIP_BITS)
        self.symbol_certain = tables["symbols"][:, TAIL] >= enough
        self.digit_certain = tables["digits"].max(1) >= enough
        self.likeliest_digit = tables["digits"].argmax(1).astype(np.int32) - 1


class PlaneCoder(Protocol):
    """Settles planes of latents."""

    restores: bool  # whether it says how a plane's picture is restored

    @property
    def expects(self) -> bool | np.ndarray:
        """Whether what was settled last is what the model expects, not symbols: all, or by channel (C, 1, 1)."""

    def symbols(self, mean: np.ndarray, level: np.ndarray, actual: Any) -> np.ndarray: ...

    def digits(self, mean: np.ndarray, level: np.ndarray, actual: Any) -> np.ndarray: ...

    def groups(self, count: int, actual: int | None) -> int: ...

    def fills(self, field: Field, settled: Settled, region: Region, mean, level, *, refines: bool) -> bool:
        """Settle a part of a plane, by means and scale levels in steps of D, int16. False: ask for its symbols."""
        ...


class Coder(PlaneCoder, Protocol):
    """Settles every representation, too."""

    def edges(self, rows: np.ndarray, actual: Any) -> np.ndarray: ...


class ResidualCoder(Protocol):
    """Settles the residuals of the exact pixels: what writes, reads, draws or counts."""

    def pixels(self, mean: np.ndarray, level: np.ndarray, actual: Any) -> np.ndarray: ...


class PixelCoder(ResidualCoder, Protocol):
    """Settles which networks they are coded with, too."""

    def variant(self, count: int, actual: int | None) -> int: ...

    def follows(self, actual: bool) -> bool: ...

    def numbers(self, level: np.ndarray, actual: Any) -> np.ndarray: ...


class Asked:
    """A coder that is asked for symbols, and settles nothing by itself."""

    restores = False

    def groups(self, count: int, actual: int | None) -> int:
        return count

    def fills(self, field, settled, region, mean, level, *, refines) -> bool:
        return False


class _Checked(Asked):
    """Keeps the check value of all symbols of a level."""

    expects, restores = False, True

    def __init__(self):
        self._crc = 0

    def _note(self, symbols: np.ndarray) -> np.ndarray:
        self._crc = zlib.crc32(np.ascontiguousarray(symbols, "<i2").data, self._crc)
        return symbols

    @property
    def check(self) -> int:
        return self._crc & 0xFFFF


class Round(Asked):
    """The nearest symbol to what the encoder wants."""

    expects = False

    def symbols(self, mean, level, actual):
        return rounded(actual)

    def digits(self, mean, level, actual):
        return rounded(actual).clip(-1, 1)


def variant_bits(count: int) -> int:
    """Bits that say which of ``count`` variants it is, at even odds."""
    return (count - 1).bit_length()


def rounded(z: np.ndarray) -> np.ndarray:
    return np.rint(z).astype(np.int32)


class Writer(_Checked):
    """Codes the symbols that ``choice``, another coder, settles: by default the nearest ones.

    may_skip: near-certain symbols are skipped if every one is as expected; False: none ever. The stream begins with a
    bit that says which, unless it is None.
    """

    def __init__(
        self, models: Models, *, may_skip: bool | None, choice: PlaneCoder | None = None, encoder: Encoder | None = None
    ):
        super().__init__()
        self.models, self._may_skip = models, may_skip
        self._choice = Round() if choice is None else choice
        self._encoder = new_encoder() if encoder is None else encoder

    def symbols(self, mean, level, actual):
        symbols = self._choice.symbols(mean, level, actual)
        certain = self.models.symbol_certain if self._may_skip else None
        self._encoder.around(self.models.symbols, mean, level, symbols, certain)
        return self._note(symbols)

    def numbers(self, level, actual):
        self._encoder.around(self.models.symbols, np.zeros_like(level), level, actual)
        return self._note(actual)

    def variant(self, count, actual):
        if count > 1:
            self._encoder.put_raw(np.array([actual]), bits=variant_bits(count))
        return actual

    def follows(self, actual):
        return bool(self.variant(2, int(actual)))

    def groups(self, count, actual):
        return self.variant(count + 1, actual)

    def pixels(self, mean, level, actual):
        self._encoder.around(self.models.pixels, mean, level, actual)
        return self._note(actual)

    def digits(self, mean, level, actual):
        digits = self._choice.digits(mean, level, actual)
        told = self.models.likeliest_digit, self.models.digit_certain if self._may_skip else None
        self._encoder.digits(self.models.digits, mean, level, digits, *told)
        return self._note(digits)

    def edges(self, rows, actual):
        self._encoder.put(self.models.edges, rows.ravel(), actual.ravel())
        return self._note(actual)

    @property
    def skips(self) -> bool | None:
        """Whether near-certain symbols are skipped, as far as the level was walked. None: it is not said."""
        return self._may_skip and not self._encoder.surprised

    def likelihoods(self) -> np.ndarray:
        """Probability of every symbol that was coded, (N,) float64."""
        return self._encoder.likelihoods(self.skips)

    @property
    def bits(self) -> float:
        """What the model charges for everything that was coded."""
        return float(-np.log2(self.likelihoods()).sum())

    def finish(self) -> bytes:
        """The level's payload."""
        return self._encoder.finish(self.skips)


class Reader(_Checked):
    """Reads a payload. ``finish`` raises MismatchError unless exactly what was coded has been read.

    skips: whether it begins with the bit that says if near-certain symbols are skipped.
    """

    def __init__(self, models: Models, decoder: Decoder, check: int, name: str, *, skips: bool):
        super().__init__()
        self.models, self.decoder, self._expected, self._name = models, decoder, check, name
        self.skip = skips and bool(decoder.get_raw(1, bits=1)[0])

    def symbols(self, mean, level, actual=None):
        certain = self.models.symbol_certain if self.skip else None
        return self._note(self.decoder.around(self.models.symbols, mean, level, certain))

    def numbers(self, level, actual=None):
        return self._note(self.decoder.around(self.models.symbols, np.zeros_like(level), level))

    def variant(self, count, actual=None):
        """Raises ChecksumError for one that there is not."""
        found = int(self.decoder.get_raw(1, bits=variant_bits(count))[0]) if count > 1 else 0
        if found >= count:
            raise ChecksumError(f"level {self._name} is damaged: it names number {found + 1} of {count}")
        return found

    def follows(self, actual=None):
        return bool(self.variant(2))

    def groups(self, count, actual=None):
        return self.variant(count + 1)

    def pixels(self, mean, level, actual=None):
        return self._note(self.decoder.around(self.models.pixels, mean, level))

    def digits(self, mean, level, actual=None):
        certain = self.models.digit_certain if self.skip else None
        return self._note(self.decoder.digits(self.models.digits, mean, level, self.models.likeliest_digit, certain))

    def fills(self, field, settled, region, mean, level, *, refines):
        tables = self.models.digits if refines else self.models.symbols
        certain = self.models.digit_certain if refines else self.models.symbol_certain
        told = certain if self.skip else None, self.models.likeliest_digit if refines else None
        read = self.decoder.fill(tables, *told, field, settled, region, mean, level)
        if read is None:
            return False
        self._note(read)
        return True

    def edges(self, rows, actual=None):
        return self._note(self.decoder.get(self.models.edges, rows.ravel()).reshape(rows.shape))

    def finish(self) -> None:
        if self.check != self._expected or not self.decoder.exhausted:
            raise MismatchError(
                f"level {self._name} decoded to other symbols than were encoded: this machine or library does not "
                f"compute exactly; try another --backend, and please report it"
            )


class PartReader(Asked):
    """Reads a level of latents as far as it is there, and lets another coder settle the rest.

    ``channels`` counts what was read: arrays of symbols, and channels of digits, which stand in the stream one by one.
    """

    def __init__(self, reader: Reader, rest: Coder):
        self._reader, self._rest = reader, rest
        self.channels = 0
        self.expects: bool | np.ndarray = False

    def groups(self, count, actual=None):
        try:
            said = self._reader.groups(count)
        except ChecksumError:  # nothing checks what was cut
            said = count
        return said if self._reader.decoder.sound else count

    def symbols(self, mean, level, actual=None):
        read = self._reader.symbols(mean, level)
        self.expects = not self._reader.decoder.sound and self._rest.expects
        if not self._reader.decoder.sound:
            return self._rest.symbols(mean, level)
        self.channels += 1
        return read

    def digits(self, mean, level, actual=None):
        out = self._rest.digits(mean, level)
        self.expects = np.full((len(out), 1, 1), self._rest.expects)
        for channel in range(len(out)):
            here = slice(channel, channel + 1)
            read = self._reader.digits(mean[here], level[here])
            if not self._reader.decoder.sound:
                break
            out[here], self.expects[here] = read, False
            self.channels += 1
        return out


class Expect(Asked):
    """What the model expects: the nearest integer to the mean, the likeliest digit."""

    expects = True

    def __init__(self, models: Models):
        self.models = models

    def symbols(self, mean, level, actual=None):
        return (mean + MEAN_UNITS // 2) // MEAN_UNITS

    pixels = symbols

    def digits(self, mean, level, actual=None):
        return self.models.likeliest_digit[digit_tables(mean, level)]

    def edges(self, rows, actual=None):
        return (rows > EDGE_LOGIT_MAX * EDGE_UNITS).astype(np.int32)


class Sample(Asked):
    """Draws from the model; the same seed gives the same draw on every machine."""

    expects = False

    def __init__(self, models: Models, seed: int):
        self.models = models
        self._rng = np.random.Generator(np.random.Philox(seed))

    def _draw(self, tables: Tables, ids: np.ndarray) -> np.ndarray:
        """One symbol for each table id (N,), by inverting the table's cumulative frequencies.

        Frequencies are 1 at least, so that everything can be coded. That 1 is no part of the model: over the
        coefficients of a picture it would draw a few values that photographs never have.
        """
        point = self._rng.integers(0, (1 << PRECISION) - tables.weights.shape[1], len(ids))
        out = np.empty(len(ids), np.int64)
        for table in np.unique(ids):
            here = ids == table
            cumulative = np.cumsum(tables.weights[table])
            out[here] = np.searchsorted(cumulative, point[here], side="right")
        return out

    def symbols(self, mean, level, actual=None):
        return self._around(self.models.symbols, mean, level)

    def variant(self, count, actual=None):
        return int(self._rng.integers(count)) if count > 1 else 0

    def follows(self, actual=None):
        return False

    def pixels(self, mean, level, actual=None):
        return self._around(self.models.pixels, mean, level)

    def _around(self, tables: Tables, mean: np.ndarray, level: np.ndarray) -> np.ndarray:
        base, table = symbol_tables(mean, level)
        offset = self._draw(tables, table.ravel()).reshape(table.shape) - TAIL
        return base + np.where(offset == ESCAPE - TAIL, 0, offset).astype(np.int32)

    def digits(self, mean, level, actual=None):
        table = digit_tables(mean, level)
        return self._draw(self.models.digits, table.ravel()).reshape(table.shape).astype(np.int32) - 1

    def edges(self, rows, actual=None):
        return self._draw(self.models.edges, rows.ravel()).reshape(rows.shape).astype(np.int32)
