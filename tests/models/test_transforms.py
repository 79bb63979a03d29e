"""The lapped transform: known gain, perfect reconstruction, and the same filter in floats and integers."""

import numpy as np
import pytest
import torch

from selfvae_codec.models.exact import integers
from selfvae_codec.models.lapped import BLOCK, block_transform, dct, lapped_filter, lapped_norms
from selfvae_codec.models.networks.transforms import across_borders


def coding_gain_db(pre_filter):
    """Of the lapped transform in one direction, for correlation 0.95 (Malvar 1992, section 4.1)."""
    size = 3 * BLOCK
    pre, post = np.eye(size), np.eye(size)
    for border in (BLOCK, 2 * BLOCK):
        around = slice(border - BLOCK // 2, border + BLOCK // 2)
        pre[around, around], post[around, around] = pre_filter, np.linalg.inv(pre_filter)
    middle = slice(BLOCK, 2 * BLOCK)
    analysis, synthesis = dct() @ pre[middle], post[:, middle] @ dct().T
    covariance = 0.95 ** np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    variance = np.diag(analysis @ covariance @ analysis.T) * (synthesis**2).sum(0)
    return -10 * np.log10(variance).mean()


def test_the_lapped_transform_gains_on_the_dct():
    assert coding_gain_db(np.eye(BLOCK)) == pytest.approx(8.83, abs=0.01)  # the textbook figure of the 8-point DCT
    assert coding_gain_db(lapped_filter()) > 9.5


def test_synthesis_inverts_analysis():
    x = torch.randn(2, 3, 64, 128, dtype=torch.float64)
    filtered = across_borders(x, torch.from_numpy(lapped_filter()))
    back = across_borders(filtered, torch.from_numpy(np.linalg.inv(lapped_filter())))
    assert torch.allclose(back, x)
    assert torch.equal(filtered[:, :, :4, :4], x[:, :, :4, :4]), "the picture's own edges stay"
    transform = block_transform()
    assert np.allclose(transform @ transform.T, np.eye(192))


def test_norms_are_what_a_quantisation_error_becomes():
    """An error of one in one scaled coefficient is an error of one in pixels."""
    post = torch.from_numpy(np.linalg.inv(lapped_filter()))
    columns = torch.from_numpy(block_transform().T / lapped_norms())
    for index in (0, 20, 191):
        blocks = torch.zeros(1, 192, 3, 3, dtype=torch.float64)
        blocks[0, :, 1, 1] = columns[:, index]
        pixels = across_borders(torch.nn.functional.pixel_shuffle(blocks, BLOCK), post)
        assert float(pixels.norm()) == pytest.approx(1)


def test_integers_filter_as_floats_do():
    x = np.random.default_rng(0).integers(-1000, 1000, (3, 64, 40)).astype(np.float64)
    matrix = np.rint(lapped_filter() * 2**14)
    exact = integers.across_borders(x.copy(), matrix, 14)
    floats = across_borders(torch.from_numpy(x)[None], torch.from_numpy(matrix / 2**14))[0].numpy()
    assert np.array_equal(exact, np.rint(exact)) and np.abs(exact - floats).max() < 2
