"""``python -m benchmarks.studies.quantisation``: what integer inference costs against the float networks it came from.

Both sides code the nearest symbols, with no effort, no choice and no restoration, in the same step field, and count
bits by the same tables' distributions; the float side in training's own arithmetic. The difference in PSNR is turned
into rate with the local slope of the picture set's curve.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from selfvae_codec.choice.analysis import analyse
from selfvae_codec.coding.coders import Writer
from selfvae_codec.coding.plan import Plan, plan_for
from selfvae_codec.coding.walk import Walk, models_of
from selfvae_codec.models.config import Config
from selfvae_codec.models.exact.backends import networks
from selfvae_codec.models.exact.inference import Networks
from selfvae_codec.models.exact.layers import T_UNITS
from selfvae_codec.models.networks.selfvae import SelfVAE
from selfvae_codec.models.networks.transforms import fields
from selfvae_codec.pictures.psnr import psnr_db

from ..measures.environment import UNTIMED, environment
from ..pictures import read_folder
from ..results import write_json


def float_model(floats: Path) -> SelfVAE:
    """What the weights of this path, with their configuration beside them, make."""
    model = SelfVAE(Config.from_json(floats.with_suffix(".json").read_text())).eval()
    model.load_state_dict(load_file(floats))
    return model


@torch.no_grad()
def float_point(model: SelfVAE, x: np.ndarray, plan: Plan) -> tuple[float, float]:
    """(bpp, psnr_db) of the float model, by its own count of bits. Padding counts, too."""
    H, W = plan.padded
    padded = np.pad(x, ((0, H - plan.height), (0, W - plan.width), (0, 0)), mode="edge")
    batch = torch.from_numpy(padded).permute(2, 0, 1)[None].float()
    y_step = torch.tensor([float(plan.y_step)])
    told = torch.tensor([plan.fall]), torch.tensor([plan.activity])
    field = fields(batch, model.config, model.by_frequency, *told)
    represented = model.representation_bits(batch, y_step)
    if not plan.activity:
        represented.pop("activity_prior", None)
    bpp = float(sum(represented.values()))
    for plane in range(plan.planes):
        terms = model(batch, torch.tensor([plan.t(plane) / T_UNITS]), y_step, field=field)
        bpp += float(terms.z1_bpp) + (float(terms.z2_bpp) if plane == 0 else 0.0)
    x_hat = terms.x_hat[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()[: plan.height, : plan.width]
    return bpp * H * W / (plan.height * plan.width), psnr_db(x_hat, x)


def exact_point(nets: Networks, x: np.ndarray, plan: Plan) -> tuple[float, float]:
    """(bpp, psnr_db) of the integer model, by its own count of bits."""
    walk, bits = Walk(nets, plan, analyse(nets, plan, x)), 0.0
    for index in range(plan.count):
        writer = Writer(models_of(nets), may_skip=False)
        walk.level(index, writer)
        bits += writer.bits
    return bits / (plan.height * plan.width), psnr_db(walk.picture(plan.planes - 1), x)


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.quantisation", description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path)
    p.add_argument("--floats", type=Path, required=True, help="float weights that the shipped ones were made from")
    p.add_argument("-o", "--out", type=Path, required=True)
    p.add_argument("-q", "--qualities", type=float, nargs="+", default=[10, 25, 50, 75])
    args = p.parse_args(argv)
    model, nets = float_model(args.floats), networks()
    pictures = read_folder(args.folder).pictures
    points = {q: {"float": [], "exact": []} for q in args.qualities}
    for picture in pictures:
        x = picture.pixels()
        for q in args.qualities:
            plan = plan_for(*x.shape[:2], q)
            points[q]["float"].append(float_point(model, x, plan))
            points[q]["exact"].append(exact_point(nets, x, plan))
        print(picture.name, flush=True)
    mean = {q: {kind: np.mean(values, axis=0) for kind, values in v.items()} for q, v in points.items()}
    rows = []
    for q in args.qualities:
        (bpp_f, psnr_f), (bpp_e, psnr_e) = mean[q]["float"], mean[q]["exact"]
        near = min((o for o in args.qualities if o != q), key=lambda o: abs(o - q))
        bpp_n, psnr_n = mean[near]["float"]
        log_rate_per_db = math.log(bpp_n / bpp_f) / (psnr_n - psnr_f)
        loss = math.exp(math.log(bpp_e / bpp_f) + (psnr_f - psnr_e) * log_rate_per_db) - 1
        rows.append(
            {
                "quality": q,
                "float": {"bpp": bpp_f, "psnr_db": psnr_f},
                "exact": {"bpp": bpp_e, "psnr_db": psnr_e},
                "rate_equivalent_loss_percent": 100 * loss,
            }
        )
        print(f"quality {q:g}: {100 * loss:+.3f} % rate")
    result = {
        "environment": environment(["python", "-m", "benchmarks.studies.quantisation", *argv], *UNTIMED),
        "pictures": len(pictures),
        "rows": rows,
    }
    write_json(args.out, result)


if __name__ == "__main__":
    main()
