"""A model that has grown computes what it did before."""

from dataclasses import replace

import pytest
import torch
from conftest import FINDS_EDGES

from selfvae_codec.models.config import Config
from selfvae_codec.models.networks.selfvae import SelfVAE
from selfvae_codec.models.networks.steps import y_steps
from selfvae_codec.models.training.grow import grown

SMALL = Config(
    synthesis_width=16,
    synthesis_blocks=4,
    prior_width=16,
    prior_blocks=2,
    coarse_blocks=1,
    lead_groups=1,
    lead_blocks=2,
    z2_channels=4,
    y_width=8,
    y_blocks=2,
    pixel_width=8,
    pixel_blocks=1,
)
LARGE = replace(
    SMALL,
    synthesis_width=24,
    synthesis_blocks=6,
    prior_width=20,
    prior_blocks=3,
    coarse_blocks=2,
    lead_blocks=3,
    y_width=12,
    y_blocks=3,
    pixel_width=12,
    pixel_blocks=2,
    told_field=True,
)


def random_model(config):
    """A model whose heads are not zero, as they are at the start."""
    model = SelfVAE(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


@torch.no_grad()
@pytest.mark.parametrize("edges", [False, pytest.param(True, marks=FINDS_EDGES)], ids=["wider", "wider, with edges"])
def test_a_grown_model_computes_the_same(edges):
    torch.manual_seed(0)
    config = replace(LARGE, representations=(("edge", 4), ("downscale", 16))) if edges else LARGE
    small, large = random_model(SMALL), random_model(config)
    large.load_state_dict(grown(small.state_dict(), large.state_dict(), config))
    t = torch.tensor([1.5, 2.5, 3.5, 4.8])
    x = 255 * torch.rand(4, 3, 64, 64)
    field = torch.randint(-20, 8, (4, 192, 8, 8)).float()
    before, after = (model(x, t, y_steps(t), field=field) for model in (small, large))
    for name in ("z1_bpp", "z2_bpp", "distortion", "x_hat"):
        torch.testing.assert_close(getattr(after, name), getattr(before, name), rtol=1e-4, atol=1e-4)
    y_step = y_steps(t)
    if not edges:  # y[1] is given u in one family, y[2] in the other
        torch.testing.assert_close(large.representation_bits(x, y_step), small.representation_bits(x, y_step))
    torch.testing.assert_close(*(m.pixel_bits(x.round(), x.round() * 0.9, y_step) for m in (large, small)))


@torch.no_grad()
def test_more_sets_start_as_the_one_that_was_but_for_the_scales_they_expect():
    torch.manual_seed(0)
    one = random_model(replace(SMALL, pixel_sets=1)).pixel_prior
    three = SelfVAE(replace(SMALL, pixel_sets=3)).pixel_prior
    start = {f"pixel_prior.{name}": value for name, value in three.state_dict().items()}
    known = {f"pixel_prior.{name}": value for name, value in one.state_dict().items()}
    context = {"context.at16.head.weight": torch.zeros(16, 1)}
    grew = grown(known | context, start, replace(SMALL, pixel_sets=3))
    three.load_state_dict({name.removeprefix("pixel_prior."): value for name, value in grew.items()})
    x = (255 * torch.rand(2, 3, 32, 32)).round()
    x_hat = (x + 3 * torch.randn_like(x)).round()
    bits = [three(x, x_hat, torch.full((2,), k), None) for k in range(3)]
    torch.testing.assert_close(bits[1], one(x, x_hat, torch.zeros(2, dtype=torch.long), None))
    assert not torch.allclose(bits[0], bits[1]) and not torch.allclose(bits[2], bits[1])


def test_a_model_does_not_shrink():
    small, large = SelfVAE(SMALL), SelfVAE(LARGE)
    with pytest.raises(ValueError, match="in the given weights"):
        grown(large.state_dict(), small.state_dict(), SMALL)


def test_a_model_codes_the_channels_that_it_was_trained_for():
    more = replace(SMALL, z2_channels=6)
    with pytest.raises(ValueError, match="z2_prior.log2_scale codes 4 channels in the given weights and 6"):
        grown(SelfVAE(SMALL).state_dict(), SelfVAE(more).state_dict(), more)
