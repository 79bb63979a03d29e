"""The encoder's choice of symbols: by cost, near the grid, and as training makes it."""

import numpy as np
import pytest
import torch

from selfvae_codec.choice.quantise import STOP_SHARE, Chooser
from selfvae_codec.coding.coders import rounded
from selfvae_codec.models import tables
from selfvae_codec.models.config import RD_SLOPE, RDO_RATE, Config
from selfvae_codec.models.exact import weights
from selfvae_codec.models.networks.selfvae import SelfVAE
from selfvae_codec.models.tables import CENTROID_UNITS, FRACTIONS, MEAN_UNITS, OFFSETS, TAIL

SHIPPED = weights.read(weights.default()).tables


def draw(seed, spread):
    """Latents, means and levels that go together, each (N,)."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 40, 4000).astype(np.int32)
    mean = rng.integers(-spread * MEAN_UNITS, spread * MEAN_UNITS + 1, 4000).astype(np.int32)
    z = mean / MEAN_UNITS + rng.logistic(0, tables.scale_values()[level])
    return z, mean, level


def cost(z, symbol, mean, level, probability):
    limit = OFFSETS // 2
    offset = np.clip(symbol * MEAN_UNITS - mean, -limit, limit) + limit
    decoded = symbol + SHIPPED["centroids"][level, offset] / CENTROID_UNITS
    return RDO_RATE * -np.log2(probability) + (z - decoded) ** 2 / RD_SLOPE


def symbol_probability(symbol, mean, level):
    base = np.floor(mean / MEAN_UNITS + 0.5).astype(int)
    fraction = (mean - base * MEAN_UNITS + MEAN_UNITS // 2) // (MEAN_UNITS // FRACTIONS)
    return SHIPPED["symbols"][level * FRACTIONS + fraction, np.clip(symbol - base, -TAIL, TAIL) + TAIL] / 2**24


def digit_probability(digit, mean, level):
    limit = OFFSETS // 2
    return SHIPPED["digits"][level * OFFSETS + np.clip(mean, -limit, limit) + limit, digit + 1] / 2**24


@pytest.mark.parametrize(
    ("kind", "probability", "spread"),
    [("symbols", symbol_probability, 9), ("digits", digit_probability, 2)],
)
def test_a_symbol_moves_one_towards_its_mean_exactly_where_that_costs_less(kind, probability, spread):
    z, mean, level = draw(1, spread)
    chosen = getattr(Chooser(SHIPPED), kind)(z, mean, level, 0)
    plain = rounded(z) if kind == "symbols" else rounded(z).clip(-1, 1)
    towards = plain + np.sign(mean - plain * MEAN_UNITS)
    moved = chosen != plain
    assert 20 < moved.sum() < 2000
    assert np.array_equal(chosen[moved], towards[moved])
    assert (np.abs(mean - plain * MEAN_UNITS) > MEAN_UNITS // 2)[moved].all()
    gain = cost(z, plain, mean, level, probability(plain, mean, level))
    if kind == "digits":
        assert np.abs(chosen).max() <= 1
        towards = towards.clip(-1, 1)
    gain = gain - cost(z, towards, mean, level, probability(towards, mean, level))
    allowed = (towards != plain) & (np.abs(mean - plain * MEAN_UNITS) > MEAN_UNITS // 2)
    assert (gain[moved] > -1e-3).all() and (gain[allowed & ~moved] < 1e-3).all()


@pytest.mark.parametrize("finer", [1, 2])
def test_what_finer_planes_refine_moves_where_that_is_worth_it_here_and_in_the_end(finer):
    z, mean, level = draw(3, 5)
    plain, chosen = rounded(z), Chooser(SHIPPED).symbols(z, mean, level, finer)
    towards = plain + np.sign(mean - plain * MEAN_UNITS)
    times = 3**finer
    wide = level + round(finer * np.log2(3) / tables.LOG2_SCALE_STEP)

    def both(symbol):
        final = np.rint(times * z).clip(times * symbol - times // 2, times * symbol + times // 2).astype(int)
        here = cost(z, symbol, mean, level, symbol_probability(symbol, mean, level))
        end = cost(times * z, final, times * mean, wide, symbol_probability(final, times * mean, wide))
        return STOP_SHARE * here + end

    moved = chosen != plain
    allowed = np.abs(mean - plain * MEAN_UNITS) > MEAN_UNITS // 2
    gain = both(plain) - both(towards)
    assert moved.any() or finer == 2  # two planes on, hardly anything is worth it
    assert moved.sum() < (Chooser(SHIPPED).symbols(z, mean, level, 0) != plain).sum()
    assert np.array_equal(chosen[moved], towards[moved]) and allowed[moved].all()
    assert (gain[moved] > -1e-3).all() and (gain[allowed & ~moved] < 1e-3).all()


def test_training_chooses_as_the_encoder_does():
    z, mean, level = draw(2, 5)
    log2_scale = torch.from_numpy(tables.LOG2_SCALE_MIN + tables.LOG2_SCALE_STEP * level).float()
    z32, mean32 = torch.from_numpy(z).float(), torch.from_numpy(mean / MEAN_UNITS).float()
    small = SelfVAE(Config(synthesis_width=8, prior_width=8, z2_channels=2, y_width=4))
    trained = small.cheapest(z32, z32.round(), mean32, log2_scale, None).numpy()
    coded = Chooser(SHIPPED).symbols(z, mean, level, 0)
    assert (trained != np.rint(z)).any()
    assert np.mean(trained == coded) > 0.995, "they may differ where both cost the same but for table rounding"
