"""From a trained model to a weights file: every network with the units of what it reads and answers, and the tables."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...errors import CodecError
from .. import units
from ..config import CONTEXT_STRIDE, T_COARSEST, T_FIRST, Y_STEPS, Config
from ..exact import shipped, weights
from ..exact.layers import ACTIVATION_LIMIT, RANGES, T_UNITS, ExactNet, SetTable, StepTable, suffix_of
from ..lapped import lapped_transform
from ..networks.edge_prior import EdgePrior
from ..networks.priors import ActivityPrior, TopPrior
from ..networks.selfvae import Prior, SelfVAE, decoded
from ..networks.steps import y_steps
from ..networks.transforms import fields
from ..tables import (
    EDGE_LOGIT_MAX,
    EDGE_UNITS,
    FIELD_LIMIT,
    LOG2_SCALE_MIN,
    LOG2_SCALE_STEP,
    MEAN_UNITS,
    SCALE_LEVELS,
    build_tables,
)
from .data import Crops
from .net_export import INPUT_MARGIN, Ranges, calibrate, exact_net


def runs(model: SelfVAE) -> tuple[Callable, Callable, Callable]:
    """What calibrates representations, pixels, and latents with log3 of the step in a range [low, high)."""

    def representations(x, share):
        model.representation_bits(x, torch.tensor(Y_STEPS).repeat(len(x))[: len(x)].float())

    def pixels(x, share):
        t = torch.full((len(x),), model.config.t_lossless)
        model.pixel_bits(x, decoded(model, x, t), y_steps(t))  # tries every set

    def latents(low, high, x, share):
        t = low + (high - low) * (torch.arange(len(x)) + share) / len(x)
        for mapped in (False, True):
            falls = torch.arange(len(x)) % len(model.by_frequency)
            field = fields(x, model.config, model.by_frequency, falls, torch.full((len(x),), mapped))
            model(x, t, y_steps(t), field=field)

    return representations, pixels, latents


class ExactNetworks(dict):
    """Exact networks by name, as they are added."""

    def __init__(self, ranges: Ranges, suffix: str = ""):
        super().__init__()
        self.ranges, self.suffix = ranges, suffix

    def add(self, name, net, sources, target, low, high, step_bias=None, table=StepTable):
        """sources: (real value of one integer step, largest |integer|, channels) for each input in turn.

        Inputs are clamped a little above what was seen, channel by channel: most symbols of high frequencies never
        leave [-1, 1], and a bound for what does not occur would take bits from the weights.
        """
        unit = np.concatenate([np.broadcast_to(np.asarray(u, np.float64), (n,)) for u, _, n in sources])
        limits = np.concatenate([np.full(n, float(limit)) for _, limit, n in sources])
        seen = self.ranges.seen[(net.stem, "input")] / unit
        limits = np.minimum(limits, np.ceil(INPUT_MARGIN * seen) + 2)
        self[name + self.suffix] = exact_net(
            name + self.suffix,
            net,
            self.ranges,
            unit,
            limits,
            target=target,
            low=low,
            high=high,
            step_bias=step_bias,
            table=table,
        )

    def features(self, name, net, sources, low=-ACTIVATION_LIMIT):
        """A network whose outputs other networks read; returns the unit of each output channel."""
        unit = self.ranges.scale(net.head)
        if net.upsample:  # the four outputs that become one channel share a unit
            unit = np.repeat(unit.reshape(-1, 4).max(1), 4)
        self.add(name, net, sources, unit, low, ACTIVATION_LIMIT)
        return unit[::4] if net.upsample else unit

    def prior(self, name, module: Prior, sources):
        log2_scale = module.log2_scale.detach().double().numpy() - LOG2_SCALE_MIN
        n, outputs = log2_scale.shape[1], module.net.head.out_channels
        step_bias = np.zeros((len(log2_scale), outputs))
        step_bias[:, n : 2 * n] = log2_scale
        self.parameters(name, module.net, sources, n, outputs // n, step_bias)

    def parameters(self, name, net, sources, n, kinds, step_bias, table=StepTable):
        """A network of means, scales and, with three kinds of answers, couplings, of n symbols at each position."""
        coupling = units.COUPLING_MAX * units.COUPLING_UNITS
        self.add(
            name,
            net,
            sources,
            target=np.repeat([1 / MEAN_UNITS, LOG2_SCALE_STEP, 1 / units.COUPLING_UNITS][:kinds], n),
            low=np.repeat([-units.MEAN_LIMIT, 0, -coupling][:kinds], n),
            high=np.repeat([units.MEAN_LIMIT, SCALE_LEVELS - 1, coupling][:kinds], n),
            step_bias=step_bias,
            table=table,
        )


def exact_representations(model: SelfVAE, ranges: Ranges) -> dict[str, ExactNet]:
    """p(y[k] | what is before it) of every representation."""
    nets = ExactNetworks(ranges)
    for name, prior in model.representation_priors().items():
        for index, module in enumerate(prior.passes):
            if isinstance(prior, EdgePrior):
                limit = EDGE_LOGIT_MAX * EDGE_UNITS
                nets.add(f"{name}.{index}", module, [(1.0, 1, 1 + index)], np.array([1 / EDGE_UNITS]), -limit, limit)
                continue
            if isinstance(prior, ActivityPrior):
                sources = [(units.Y_INPUT, units.Y_INPUT_LIMIT, prior.seen), (1.0, units.ACTIVITY_LIMIT, index)]
            else:
                sources = [(units.LATTICE_INPUT, units.LATTICE_INPUT_LIMIT, 3 + 3 * index)]
            nets.prior(f"{name}.{index}", module, sources)
    return nets


def exact_pixels(model: SelfVAE, ranges: Ranges) -> dict[str, ExactNet]:
    """p(x | x_hat)."""
    nets, prior = ExactNetworks(ranges), model.pixel_prior
    for index, net in enumerate(prior.passes):
        offset = prior.offset[index].detach().double().numpy()
        offset[:, 3:6] -= LOG2_SCALE_MIN
        sources = [(units.PIXEL_INPUT, units.PIXEL_INPUT_LIMIT, 12)]
        sources.append((units.RESIDUAL_INPUT, units.RESIDUAL_INPUT_LIMIT, 3 * (index + model.config.tied)))
        nets.parameters(f"pixels.{index}", net, sources, 3, 3, offset, SetTable)
    return nets


def told_field(config: Config) -> list[tuple]:
    """What networks see of the step field, as a source of theirs."""
    return [(units.FIELD_INPUT, FIELD_LIMIT, config.told_channels)] if config.told_field else []


def exact_synthesis(model: SelfVAE, ranges: Ranges, suffix: str) -> dict[str, ExactNet]:
    """The learned part of the synthesis. Units of inputs and outputs are those of units.py."""
    nets, largest = ExactNetworks(ranges, suffix), units.RESIDUAL_MAX * units.RESIDUAL_UNITS
    latents = (units.SYNTHESIS_INPUT, units.SYNTHESIS_INPUT_LIMIT, 192)
    sources = [latents, *told_field(model.config)]
    nets.add("synthesis", model.synthesis_net, sources, np.full(192, units.SYNTHESIS_OUTPUT), -largest, largest)
    return nets


def exact_context(model: SelfVAE, ranges: Ranges, suffix: str) -> tuple[dict[str, ExactNet], list]:
    """What runs once a picture, at the step of its first plane; and the context, as sources of other networks."""
    nets, c = ExactNetworks(ranges, suffix), model.config
    unit = np.full(192, units.HYPER_INPUT)
    *inner, last = model.hyper_analysis.nets
    for i, net in enumerate(inner):  # a ReLU and a pixel unshuffle follow each
        sources = [(unit, ACTIVATION_LIMIT, len(unit))]
        unit = np.repeat(nets.features(f"hyper_analysis.{i}", net, sources, low=0), 4)
    target = np.full(c.z2_channels, units.Z2_OUTPUT)
    sources = [(unit, ACTIVATION_LIMIT, len(unit))]
    nets.add(f"hyper_analysis.{len(inner)}", last, sources, target, -units.WIDE_LIMIT, units.WIDE_LIMIT)

    def seen(stride):
        return [(units.Y_INPUT, units.Y_INPUT_LIMIT, n) for n in c.seen_channels(stride)]

    nets.prior("z2_prior", model.z2_prior, seen(c.hyper_stride))
    source = (units.Z2_INPUT, units.SYMBOL_LIMIT, c.z2_channels)
    for stride in c.context_strides:
        name = f"at{stride}"
        told = told_field(c) if stride == CONTEXT_STRIDE else []
        unit = nets.features(f"context.{name}", model.context.get_submodule(name), [source, *told, *seen(stride)])
        source = (unit, ACTIVATION_LIMIT, len(unit))
    context = [source, *(v for v, joins in zip(seen(stride), c.joining) if joins)]
    for index, module in enumerate(model.lead_prior):
        symbols = module.net.stem.in_channels - c.context_channels
        nets.prior(f"lead_prior.{index}", module, [*context, (units.SYMBOL_INPUT, units.SYMBOL_INPUT_LIMIT, symbols)])
    return nets, context


def exact_plane(model: SelfVAE, ranges: Ranges, suffix: str, context: list, refining: bool) -> dict[str, ExactNet]:
    """p(one plane of z[1] | context, coarser plane), but for the leading groups of first planes."""
    nets, c = ExactNetworks(ranges, suffix), model.config
    unit = nets.features("context_at8", model.context_at8, context)
    if refining:
        features = (unit, ACTIVATION_LIMIT, c.prior_width)
        unit = nets.features("coarse", model.coarse, [features, (units.SYMBOL_INPUT, units.SYMBOL_INPUT_LIMIT, 192)])
    seen = (unit, ACTIVATION_LIMIT, c.prior_width)
    for g in range(0 if refining else c.lead_groups, len(c.groups)):
        known = (units.SYMBOL_INPUT, units.SYMBOL_INPUT_LIMIT, sum(c.groups[:g]))
        nets.prior(f"groups.{g}", model.groups[g], [seen, known])
    return nets


def exact_networks(
    model: SelfVAE, crops: Callable[[], Iterator[Tensor]], batches: int, quantile: float
) -> dict[str, ExactNet]:
    """Every network of the codec by name; those of the latents once for each range of the step (exact.RANGES).

    Activations shrink by a factor of 100 while the step grows from the finest to the coarsest: ranges of one
    size for all would leave few of the 10 bits at either end.
    """
    representations, pixels, latents = runs(model)
    nets = exact_representations(model, calibrate(model, crops(), batches, quantile, representations))
    nets |= exact_pixels(model, calibrate(model.pixel_prior, crops(), batches, quantile, pixels))
    bounds = [start / T_UNITS for start in RANGES] + [T_COARSEST]
    seen = [calibrate(model, crops(), batches, quantile, partial(latents, *b)) for b in zip(bounds, bounds[1:])]
    contexts = {}
    for index, start in enumerate(RANGES):
        if start >= T_FIRST * T_UNITS:
            context_nets, contexts[index] = exact_context(model, seen[index], suffix_of(start))
            nets |= context_nets
    for index, start in enumerate(RANGES):
        first = contexts.get(index, contexts[min(contexts)])
        nets |= exact_synthesis(model, seen[index], suffix_of(start))
        nets |= exact_plane(model, seen[index], suffix_of(start), first, index not in contexts)
    return nets


def tables(model: SelfVAE) -> dict[str, np.ndarray]:
    """All tables by name, as they stand in the weights file."""
    mixture = (v.detach().double().numpy() for v in model.pixel_prior.mixture())
    out = build_tables(*mixture, flat=model.config.activity_stride is None)
    return out if model.config.top is None else out | {"u": root_table(model.u_prior)}


@torch.no_grad()
def root_table(prior: TopPrior) -> np.ndarray:
    """Mean in 1/MEAN_UNITS and scale level of u's mean, (y_steps, 2, 3) int32."""
    mean, log2_scale = prior.root(torch.tensor(Y_STEPS).float())
    level = (log2_scale - LOG2_SCALE_MIN) / LOG2_SCALE_STEP
    return torch.stack([mean * MEAN_UNITS, level], 1).round().int().numpy()[..., 0, 0]


def part_of(parameter: str) -> str:
    """Which part of training a parameter of SelfVAE belongs to."""
    if re.match(r"(u|y\d+|edge|activity)_prior\.", parameter):
        return "representations"
    return "pixels" if parameter.startswith("pixel_prior.") else "latents"


def load_averaged(model: SelfVAE, runs: dict[str, Path]) -> None:
    """Copy the averaged weights of every part of the model from its run folder of train.py.

    Raises CodecError where a run is of another configuration.
    """
    values = {}
    for part, run in runs.items():
        values |= {k: v for k, v in load_file(run / "averaged.safetensors").items() if part_of(k) == part}
    found, wanted = ({k: tuple(v.shape) for k, v in state.items()} for state in (values, model.state_dict()))
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise CodecError(
                f"{runs[part_of(name)]} has {name} {found.get(name, 'not at all')}, "
                f"{runs['latents']}/config.json asks for {wanted.get(name, 'none')}: export runs of one configuration"
            )
    model.load_state_dict(values)


def main(argv: list[str] | None = None) -> None:
    p = argparse.ArgumentParser(prog="selfvae-codec export", description="Turn checkpoints into the weights file.")
    p.add_argument("--latents", type=Path, required=True, help="run folder of train --part latents")
    p.add_argument("--representations", type=Path, required=True, help="run folder of train --part representations")
    p.add_argument("--pixels", type=Path, required=True, help="run folder of train --part pixels")
    p.add_argument("--cache", type=Path, required=True, help="decoded training pictures, to calibrate on")
    p.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    p.add_argument("--floats", type=Path, help="also write the float weights here, for train --init")
    p.add_argument("--crop", type=int, default=256, help="side of the crops that ranges are calibrated on")
    p.add_argument("--quantile", type=float, default=1.0, help="of |activation| that must fit; more is clamped")
    args = p.parse_args(argv)
    torch.manual_seed(0)
    config = Config.from_json((args.latents / "config.json").read_text())
    model = SelfVAE(config).eval()
    load_averaged(model, {part: getattr(args, part) for part in ("latents", "representations", "pixels")})
    if args.floats:
        args.floats.parent.mkdir(parents=True, exist_ok=True)
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, args.floats)
        args.floats.with_suffix(".json").write_text(config.to_json())
    nets = exact_networks(model, lambda: Crops(args.cache, args.crop, 9, seed=0), batches=4, quantile=args.quantile)
    model_id = weights.save(args.out, config, nets, lapped_transform(), tables(model))
    if args.out.resolve().parent == shipped.FOLDER:
        shipped.record(shipped.FOLDER)
    worst = max(net.check_bounds() for net in nets.values())
    print(f"{args.out}: model {model_id.hex()}, {args.out.stat().st_size} bytes, largest sum 2^{np.log2(worst):.2f}")


if __name__ == "__main__":
    main()
