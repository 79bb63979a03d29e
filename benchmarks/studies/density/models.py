"""The four models of the density experiments, as configurations of one class, and how one of them is trained."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from selfvae_codec.coding.plan import Plan
from selfvae_codec.models.config import Config, planes_for
from selfvae_codec.models.exact.layers import T_UNITS
from selfvae_codec.models.training import export

REPRESENTATIONS = {
    "plain": (),
    "downscale": (("downscale", 2),),
    "edge": (("edge", 2),),
    "hierarchy": (("downscale", 8), ("downscale", 4), ("downscale", 2)),
}
NAMES = {
    "plain": "VAE",
    "downscale": "selfVAE-downscale, K = 1",
    "edge": "selfVAE-edge, K = 1",
    "hierarchy": "selfVAE-downscale, K = 3",
}
WIDTHS = {
    "synthesis_width": 64,
    "synthesis_blocks": 2,
    "prior_width": 64,
    "prior_blocks": 1,
    "coarse_blocks": 1,
    "groups": (48, 144),
    "lead_groups": 1,
    "lead_blocks": 1,
    "z2_channels": 16,
    "y_width": 64,
    "y_blocks": 3,
    "y_coupled": True,
    "edge_width": 32,
    "edge_blocks": 2,
    "pixel_width": 96,
    "pixel_sets": 1,
    "pixel_blocks": 4,
    "t_lossless": 3.0,  # coarser than in files of photographs: latents of one plane, and more is left to pixels
}  # the same for all
PIXEL_WIDTHS = {"pixel_width": 128, "pixel_sets": 4, "pixel_blocks": 6}  # that pixel networks grow to, to learn alone
PUBLISHED = {  # bits/dim on CIFAR-10, Gatopoulos & Tomczak 2020, table 1: 2,000 epochs on a GPU
    "VAE": 3.51,
    "selfVAE-downscale": 3.65,
}


def config_of(model: str) -> Config:
    """z[2] is at 1/16, since pictures have 32 or 64 pixels a side."""
    return Config(family=model, representations=REPRESENTATIONS[model], hyper_stride=16, **WIDTHS)


def plan_of(config: Config, side: int) -> Plan:
    """The lossless stream of one picture; its representations keep all 8 bits, as the paper's do."""
    t = config.t_lossless
    return Plan(side, side, round(T_UNITS * t), planes_for(t), 1, lossless=True, config=config)


def train(
    model: str, cache: Path, run: Path, side: int, *, minutes: float, pixel_minutes: float, workers: int, precision: str
) -> list[Path]:
    """Train everything for so many minutes in all, going on from what ``run`` holds, then larger pixel networks alone.

    Workers share a batch. Returns the folder of each run, one or two. Raises RuntimeError if training fails.
    """
    more = ["--data", cache, "--cache", cache, "--crop", side, "--upright", "--precision", precision]
    more += ["--batch", (16 if side <= 32 else 8) // workers]
    _train(run, config_of(model), workers, ["--hours", minutes / 60, "--lr", 4e-3, *more])
    if not pixel_minutes:
        return [run]
    alone = ["--init", run / "averaged.safetensors", "--alone", "pixel_prior"]
    config = replace(config_of(model), **PIXEL_WIDTHS)
    _train(run / "pixels", config, workers, [*alone, "--hours", pixel_minutes / 60, "--lr", 2.5e-3, *more])
    return [run, run / "pixels"]


def _train(run: Path, config: Config, workers: int, arguments: list) -> None:
    run.mkdir(parents=True, exist_ok=True)
    wanted = run / "wanted.json"
    wanted.write_text(config.to_json())
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", workers, "-m"] if workers > 1 else []
    command = [sys.executable, "-m", *launcher, "selfvae_codec.models.training.train", "--part", "stream"]
    command += ["--config", wanted, "--out", run, "--optimiser", "muon", "--decay-from", 0, "--processor-time"]
    with open(run / "output.txt", "a") as output:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        words = [str(word) for word in (*command, *arguments)]
        done = subprocess.run(words, stdout=output, stderr=output, env=environment)
    if done.returncode:
        raise RuntimeError(f"training in {run} failed; {run / 'output.txt'} says why")


def exported(cache: Path, run: Path, side: int) -> Path:
    """The weights file of a run: made from its averaged weights, unless it is newer than they are."""
    out = run / "weights.safetensors"
    averaged = run / "averaged.safetensors"
    if not out.exists() or out.stat().st_mtime < averaged.stat().st_mtime:
        parts = ["--latents", run, "--representations", run, "--pixels", run]
        export.main([str(word) for word in (*parts, "--cache", cache, "--crop", side, "--out", out)])
    return out
