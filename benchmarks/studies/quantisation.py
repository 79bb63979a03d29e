"""``python -m benchmarks.studies.quantisation``: what integer inference costs against the float networks it came from.

Both sides count bits of the same levels with the same tables' distributions; the float side in training's own
arithmetic, with what training does of the encoder's choice: one pass of effort, symbols chosen in the finest plane. So
the qualities to compare are those of one plane, below 50. The difference in PSNR is turned into rate with the local
slope of the picture set's curve.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from selfvae_codec import encode
from selfvae_codec.choice.encoder import likelihoods
from selfvae_codec.coding.levels import decode_levels
from selfvae_codec.coding.plan import Plan, plan_for
from selfvae_codec.format.container import read_levels
from selfvae_codec.models.config import Config
from selfvae_codec.models.networks.selfvae import SelfVAE
from selfvae_codec.pictures.psnr import psnr_db

from ..measures.environment import UNTIMED, environment
from ..pictures import read_folder
from ..results import write_json

EFFORT = 1  # what SelfVAE.forward does where symbols are chosen


@torch.no_grad()
def float_point(model: SelfVAE, x: np.ndarray, plan: Plan) -> tuple[float, float]:
    """(bpp, psnr_db) of all latent planes of the float model, by its own count of bits."""
    H, W = plan.padded
    padded = np.pad(x, ((0, H - plan.height), (0, W - plan.width), (0, 0)), mode="edge")
    batch = torch.from_numpy(padded).permute(2, 0, 1)[None].float()
    y_step = torch.tensor([float(plan.y_step)])
    bpp = float(sum(model.representation_bits(batch, y_step).values()))
    for plane in range(plan.planes):
        finest = torch.tensor([True]) if plane == plan.planes - 1 else None
        terms = model(batch, torch.tensor([plan.t(plane) / 256]), y_step, chosen=finest)
        bpp += float(terms.z1_bpp) + (float(terms.z2_bpp) if plane == 0 else 0.0)
    x_hat = terms.x_hat[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()[: plan.height, : plan.width]
    return bpp * H * W / (plan.height * plan.width), psnr_db(x_hat, x)


def exact_point(x: np.ndarray, quality: float) -> tuple[float, float]:
    """(bpp, psnr_db) of the integer model, by its own count of bits."""
    bits = -np.log2(likelihoods(x, quality=quality, effort=EFFORT)).sum()
    decoded = decode_levels(*read_levels(encode(x, quality=quality, effort=EFFORT)))
    return float(bits) / (x.shape[0] * x.shape[1]), psnr_db(decoded, x)


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.quantisation", description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path)
    p.add_argument("--floats", type=Path, required=True, help="float weights that the shipped ones were made from")
    p.add_argument("-o", "--out", type=Path, required=True)
    p.add_argument("-q", "--qualities", type=float, nargs="+", default=[10, 20, 30, 40])
    args = p.parse_args(argv)
    model = SelfVAE(Config.from_json(args.floats.with_suffix(".json").read_text())).eval()
    model.load_state_dict(load_file(args.floats))
    pictures = read_folder(args.folder).pictures
    points = {q: {"float": [], "exact": []} for q in args.qualities}
    for picture in pictures:
        x = picture.pixels()
        for q in args.qualities:
            points[q]["float"].append(float_point(model, x, plan_for(*x.shape[:2], q)))
            points[q]["exact"].append(exact_point(x, q))
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
