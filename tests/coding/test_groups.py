"""Groups of channels that a plane has nothing to say of: nobody asks networks for them."""

from collections import Counter

import numpy as np
import pytest

import selfvae_codec
from selfvae_codec.coding.coders import Models, PartReader, Reader, Sample, Writer
from selfvae_codec.coding.coefficients import settled
from selfvae_codec.coding.reading import decoder
from selfvae_codec.errors import ChecksumError
from selfvae_codec.models.exact.inference import Networks
from selfvae_codec.models.tables import build_tables

COUNT = 4


@pytest.fixture(scope="module")
def models():
    return Models(build_tables([0.7, 0.3], [1.0, 2.0]))


def said_by(models, number):
    """A payload that begins with how many groups it says."""
    writer = Writer(models, may_skip=True)
    writer.groups(7, number)  # three bits, as for COUNT
    return writer.finish()


def test_networks_of_groups_without_a_symbol_are_asked_for_the_finest_plane_alone(monkeypatch):
    picture = np.full((64, 96, 3), 90, np.uint8)
    picture[20:] = 120
    data = selfvae_codec.encode(picture, quality=75)
    names, run = Counter(), Networks.run

    def counted(nets, name, inputs, t):
        names[name] += 1
        return run(nets, name, inputs, t)

    monkeypatch.setattr(Networks, "run", counted)
    selfvae_codec.decode(data)
    assert names["context.at16"] == 1 and names["coarse"] == names["groups.0"] == 1  # two planes, the first with leads
    assert names["groups.3"] == 1


def test_every_number_of_groups_comes_back_and_more_are_refused(models):
    for number in range(COUNT + 1):
        payload = said_by(models, number)
        assert Reader(models, decoder(payload), 0, "3 (z2)", skips=True).groups(COUNT) == number
    with pytest.raises(ChecksumError, match="level 3 .z2. is damaged: it names number 6 of 5"):
        Reader(models, decoder(said_by(models, 5)), 0, "3 (z2)", skips=True).groups(COUNT)


def test_what_was_cut_says_all_groups_where_nothing_sound_says_how_many(models):
    for payload, expected in ((said_by(models, 2), 2), (said_by(models, 5), COUNT)):
        part = PartReader(Reader(models, decoder(payload), 0, "in part", skips=True), Sample(models, 0))
        assert part.groups(COUNT) == expected
    gone = PartReader(Reader(models, decoder(b"", 100), 0, "in part", skips=True), Sample(models, 0))
    assert gone.groups(COUNT) == COUNT


def test_channels_that_go_unsaid_keep_the_coarser_symbols_and_nothing_beside(models):
    found = settled(2, 3, np.zeros((64, 513), np.int16))
    found.symbols[:], found.beside[:] = 2, 7
    found.rest(105, refines=True)
    assert (found.symbols[105:] == 6).all() and not found.beside[105:].any()
    assert (found.symbols[:105] == 2).all() and (found.beside[:105] == 7).all()
    found.rest(0, refines=False)
    assert not found.symbols.any() and not found.beside.any()
