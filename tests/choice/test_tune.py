"""Which errors count: less where they are hidden, and only for the encoder."""

import numpy as np
import pytest
from conftest import make_picture

import selfvae_codec
from selfvae_codec import CodecError
from selfvae_codec.choice import tune
from selfvae_codec.models.lapped import by_frequency


def half_busy():
    """Left half flat but for grain, right half full of texture, uint8 (H, W, 3)."""
    x = make_picture(256, 128, seed=2) // 4 + 80
    x[:, 128:] += np.random.default_rng(0).integers(0, 90, (128, 128, 1), dtype=np.uint8)
    return x


def test_errors_count_less_in_busy_places_at_high_frequencies_and_in_luma():
    weights = tune.visual(half_busy().transpose(2, 0, 1))
    flat, busy = weights.blocks[:, :15], weights.blocks[:, 17:]
    assert flat.min() > 1 > busy.max() and weights.blocks.max() <= tune.MOST and weights.blocks.min() >= tune.LEAST
    assert np.isclose(np.log(weights.blocks).mean(), 0, atol=0.1)
    by_place = dict(zip(by_frequency(), weights.channels.tolist()))
    assert by_place[0] == 1 and by_place[64] == by_place[128] == pytest.approx(tune.CHROMA)
    assert by_place[7] == by_place[7 * 8] < by_place[1] < 1
    region = (slice(3, 5), slice(0, None, 2), slice(1, 7))
    assert np.array_equal(weights.of(region), weights.channels[3:5, None, None] * weights.blocks[None, ::2, 1:7])


def test_all_places_of_an_even_picture_count_the_same():
    assert np.allclose(tune.visual(np.full((3, 64, 64), 90, np.uint8)).blocks, 1)


def test_a_tuned_file_decodes_as_any_other_with_its_errors_where_they_are_hidden():
    x = half_busy()
    errors = {}
    for name in ("psnr", "visual"):
        data = selfvae_codec.encode(x, quality=60, tune=name)
        y = selfvae_codec.decode(data)
        squares = np.square(x.astype(float) - y)
        errors[name] = len(data), squares[:, :128].mean(), squares[:, 128:].mean()
    plain, tuned = errors.values()
    assert tuned[0] < plain[0] and tuned[2] > 1.05 * plain[2]
    assert tuned[1] / plain[1] < 0.97 * tuned[2] / plain[2]


def test_an_unknown_tune_is_refused():
    with pytest.raises(CodecError, match="tune='ear' is none of psnr, visual"):
        selfvae_codec.encode(half_busy(), tune="ear")
