"""The distortion for the eye: as large as the squared error, and another way down."""

import pytest
import torch

from selfvae_codec.models.training.eye import SHARE, SMALLEST, WINDOW, distortion_for_the_eye, ms_ssim


def pictures(side):
    torch.manual_seed(0)
    x = 128 + 40 * torch.sin(torch.arange(side) / 3) * torch.ones(2, 3, side, 1)
    return x, (x + 6 * torch.randn_like(x)).requires_grad_()


def squared_of(x, y):
    return (x - y).square().sum((1, 2, 3)) / x[0, 0].numel()


def test_it_has_the_squared_error_s_size_and_falls_with_it_and_with_what_similarity_lacks():
    x, y = pictures(128)
    squared = squared_of(x, y)
    seen = distortion_for_the_eye(x, y, squared)
    torch.testing.assert_close(seen, squared)
    plain, both = (torch.autograd.grad(v.sum(), y, retain_graph=True)[0] for v in (squared, seen))
    eyes = both - (1 - SHARE) * plain
    assert eyes.abs().max() > 0 and (both * plain).sum() > 0
    closer = y.detach() - 0.5 * eyes / eyes.norm() * 10
    assert (distortion_for_the_eye(x, closer, squared) < seen).all() or (squared_of(x, closer) < squared).all()


@pytest.mark.parametrize("side", [64, SMALLEST])
def test_of_small_pictures_it_is_the_squared_error(side):
    x, y = pictures(side)
    assert torch.equal(distortion_for_the_eye(x, y, squared_of(x, y)), squared_of(x, y))


@pytest.mark.parametrize("side", [128, 131])
def test_similarity_is_that_of_the_package_which_measures_it(side):
    package = pytest.importorskip("pytorch_msssim")
    x, y = ((v[:, :1] + 20).clamp(0, 255) for v in pictures(side))
    theirs = package.ms_ssim(x, y, data_range=255, size_average=False, win_size=WINDOW)
    torch.testing.assert_close(ms_ssim(x, y), theirs, rtol=1e-5, atol=1e-6)
