"""The distortion for the eye: as large as the squared error, and another way down."""

import numpy as np
import pytest
import torch

from selfvae_codec.models.training.eye import SHARES, SMALLEST, WINDOW, distortion_for_the_eye, ms_ssim
from selfvae_codec.models.training.ssimulacra2 import ssimulacra2_lack


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
    eyes = both - (1 - sum(SHARES)) * plain
    assert (eyes * plain).sum() > 0
    closer = y.detach() - 0.5 * eyes / eyes.norm() * 10
    assert (ssimulacra2_lack(x, closer) < ssimulacra2_lack(x, y)).all()
    assert (ms_ssim(closer[:, :1], x[:, :1]) > ms_ssim(y[:, :1], x[:, :1])).all()


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


def test_what_a_score_lacks_is_what_the_package_says_where_borders_have_no_part():
    measure = pytest.importorskip("selfvae_codec.pictures.ssimulacra2")
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:512, :512]
    a = np.stack([128 + 60 * np.sin(rows / k) * np.cos(columns / (k + 2)) for k in (5, 9, 17)], 2).astype(np.uint8)
    for noise in (4, 16):
        b = a.astype(int)
        b[200:312, 200:312] += rng.integers(-noise, noise + 1, (112, 112, 3))
        b = b.clip(0, 255).astype(np.uint8)
        x, y = (torch.from_numpy(v.transpose(2, 0, 1)[None].astype(np.float64)) for v in (a, b))
        theirs = measure.score(measure.reference(a), b)
        assert 100 - 10 * ssimulacra2_lack(x, y).item() ** 0.6276336467831387 == pytest.approx(theirs, abs=0.1)
        assert theirs < 97


def test_the_gradient_of_equal_black_and_white_pictures_is_finite():
    x = torch.tensor([0.0, 255.0])[:, None, None, None].expand(2, 3, 128, 128)
    y = x.clone().requires_grad_()
    distortion_for_the_eye(x, y, squared_of(x, y)).sum().backward()
    assert y.grad.isfinite().all()
