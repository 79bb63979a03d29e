"""``python -m benchmarks.studies.stopping_points``: what the levels below the pixels cost a lossless file.

The pixel prior is trained twice from scratch, for the same time, on the same pictures: given what the latents decode
to, and given nothing (a grey picture). The first codes the exact pixels behind every stopping point of a file and
pays for these, the second codes the pixels alone. Bits are the float models' own count.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from selfvae_codec.coding.plan import plan_for
from selfvae_codec.models.config import T_LOSSLESS, Config
from selfvae_codec.models.networks.pixels import FIRST_COUPLING, FIRST_SCALE
from selfvae_codec.models.networks.selfvae import SelfVAE, decoded
from selfvae_codec.models.networks.steps import y_steps
from selfvae_codec.models.training import train
from selfvae_codec.models.training.data import build_cache
from selfvae_codec.models.units import PIXEL_OFFSET, RESIDUAL_SCALE

from ..measures.environment import UNTIMED, environment
from ..pictures import read_folder
from ..results import write_json
from .quantisation import float_point

STEP = torch.tensor([T_LOSSLESS])
ALONE_SCALE = 16.0  # of a pixel around its neighbour, to start with


def trained(args: argparse.Namespace, name: str, *, levels: bool) -> tuple[SelfVAE, int]:
    """The model whose pixel prior was trained from scratch, and the steps that took."""
    run, cache = args.runs / name, args.runs / "cache"
    run.mkdir(parents=True, exist_ok=True)
    if not (cache / "index.json").exists():
        build_cache(args.data, cache)
    if not levels and not (run / "decoded.u8").exists():
        np.full((cache / "pixels.u8").stat().st_size, PIXEL_OFFSET, np.uint8).tofile(run / "decoded.u8")
    init = run / "init.safetensors"
    start = {k: v for k, v in load_file(args.init).items() if not k.startswith("pixel_prior.")}
    if not levels:
        start |= from_neighbours(Config.from_json(args.config.read_text()))
    save_file(start, init)
    settings = ["--part", "pixels", "--init", init, "--config", args.config, "--data", *args.data, "--cache", cache]
    settings += ["--out", run, "--hours", args.minutes / 60, "--lr", 1.5e-3, "--decay-from", 0.3]
    settings += ["--precision", args.precision]
    train.main([str(word) for word in settings])
    model = SelfVAE(train.load_config(train.parse([str(word) for word in settings]))).eval()
    model.load_state_dict(load_file(run / "averaged.safetensors"))
    return model, torch.load(run / "checkpoint.pt", weights_only=True)["step"]


@torch.no_grad()
def from_neighbours(config: Config) -> dict[str, torch.Tensor]:
    """A fair start without levels: a pixel is expected to be its diagonal neighbour, where that is known.

    With levels it starts at the decoded picture.
    """
    prior = SelfVAE(config).pixel_prior
    for offset in prior.offset:
        offset[:, 3:6] += math.log2(ALONE_SCALE / FIRST_SCALE)
    green, blue_green, blue_red = FIRST_COUPLING  # what colours add to a mean, which must not be added twice
    apart = torch.tensor([[1.0, 0, 0], [-green, 1, 0], [-blue_green, -blue_red, 1]])
    for net in prior.passes[1:]:
        net.stem.weight[:3], net.stem.bias[:3] = 0, 0
        net.stem.weight[:3, 12:15, 0, 0] = torch.eye(3)  # residuals of the first sub-lattice
        net.head.weight[:3, :3, 0, 0] = RESIDUAL_SCALE * apart
    return {f"pixel_prior.{name}": value.contiguous() for name, value in prior.state_dict().items()}


@torch.no_grad()
def pixel_bits(model: SelfVAE, x: np.ndarray, *, levels: bool) -> float:
    """Bits a sub-pixel of p(x | x_hat), or of p(x) with ``levels`` false. x: (H, W, 3) uint8, sides even."""
    batch = torch.from_numpy(x.transpose(2, 0, 1)[None].astype(np.float32))
    x_hat = decoded(model, batch, STEP) if levels else torch.full_like(batch, PIXEL_OFFSET)
    return model.pixel_bits(batch, x_hat, y_steps(STEP)).item()


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.stopping_points", description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path, help="test pictures, sides multiples of 64")
    p.add_argument("--data", type=Path, nargs="+", required=True, help="training pictures, never lossily coded")
    p.add_argument("--init", type=Path, required=True, help="float weights whose latents are given")
    p.add_argument("--runs", type=Path, required=True, help="folder for both runs")
    p.add_argument("--minutes", type=float, default=10, help="of training, each")
    p.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    p.add_argument("-o", "--out", type=Path, required=True)
    args = p.parse_args(argv)
    args.config = args.init.with_suffix(".json")
    args.runs.mkdir(parents=True, exist_ok=True)
    pictures = [picture.pixels() for picture in read_folder(args.folder).pictures]
    rows = {}
    for name, levels in (("with_levels", True), ("pixels_alone", False)):
        model, steps = trained(args, name, levels=levels)
        pixels = float(np.mean([pixel_bits(model, x, levels=levels) for x in pictures]))
        below = 0.0
        if levels:
            plans = [plan_for(*x.shape[:2], 0, lossless=True) for x in pictures]
            below = float(np.mean([float_point(model, x, plan)[0] / 3 for x, plan in zip(pictures, plans)]))
        rows[name] = {"steps": steps, "levels_bpsp": below, "pixels_bpsp": pixels, "bpsp": below + pixels}
        print(name, rows[name], flush=True)
    result = {
        "environment": environment(["python", "-m", "benchmarks.studies.stopping_points", *argv], *UNTIMED),
        "pictures": len(pictures),
        "minutes_of_training_each": args.minutes,
        "models": rows,
        "levels_cost_percent": 100 * (rows["with_levels"]["bpsp"] / rows["pixels_alone"]["bpsp"] - 1),
    }
    write_json(args.out, result)


if __name__ == "__main__":
    main()
