"""The modes of a model on small pictures: bits sent, PSNR, sheets of samples; and super-resolution.

Everything here runs the exact integer networks, so that a seed draws the same pictures everywhere.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from selfvae_codec.choice.analysis import analyse
from selfvae_codec.coding.modes import Reconstruction, settle
from selfvae_codec.coding.plan import Plan
from selfvae_codec.coding.walk import Walk
from selfvae_codec.models.exact.inference import Networks
from selfvae_codec.models.exact.integers import mean_of
from selfvae_codec.pictures.psnr import psnr_db

MODES = {  # what is given, by the paper's name
    "generation": "",
    "conditional generation": "uy",
    "conditional reconstruction": "uyz",
    "reconstruction 1": "u",
    "reconstruction 2": "uz",
}
QUARTER = 4  # stride of the downscale that super-resolution starts from


def modes_of(plan: Plan) -> dict[str, str]:
    """The modes that differ in this model, which may lack y, or u, or both: the first name of each stays."""
    held = "z" + "y" * bool(plan.first_latent) + "u" * (plan.config.top is not None)
    modes: dict[str, str] = {}
    for name, given in MODES.items():
        given = "".join(variable for variable in given if variable in held)
        if given not in modes.values():
            modes[name] = given
    return modes


def made(nets: Networks, plan: Plan, x: np.ndarray, given: str, seed: int | None) -> Reconstruction:
    """A picture (S, S, 3) from some of its own variables; all else is drawn, or without a seed expected."""
    walk = Walk(nets, plan, analyse(nets, plan, x))
    return settle(walk, lambda level, variable: variable in given, seed)


def measure(nets: Networks, plan: Plan, pictures: np.ndarray, seed: int) -> list[dict]:
    """Means over the pictures of each mode: bits/dim sent and PSNR, of a draw and of what the model expects."""
    rows = []
    for name, given in modes_of(plan).items():
        drawn = [made(nets, plan, x, given, seed + i) for i, x in enumerate(pictures)]
        expected = [made(nets, plan, x, given, None).picture for x in pictures]
        rows.append(
            {
                "mode": name,
                "given": "+".join(given) or "nothing",
                "bits_per_dim": float(np.mean([r.bits_per_dim for r in drawn])),
                "psnr_db_drawn": mean_psnr_db([r.picture for r in drawn], pictures),
                "psnr_db_expected": mean_psnr_db(expected, pictures),
            }
        )
    return rows


def mean_psnr_db(pictures, references) -> float | None:
    """Mean of the pictures' decibels; None if one is exact."""
    mean = float(np.mean([psnr_db(x, reference) for x, reference in zip(pictures, references)]))
    return mean if np.isfinite(mean) else None


def generated(nets: Networks, plan: Plan, count: int, seed: int) -> np.ndarray:
    """uint8 (count, S, S, 3), drawn from the model alone."""
    return np.stack([settle(Walk(nets, plan), lambda *_: False, seed + i).picture for i in range(count)])


def mode_rows(nets: Networks, plan: Plan, pictures: np.ndarray, seed: int) -> np.ndarray:
    """Each picture and what each mode draws from it, (N * (1 + modes), S, S, 3): a row of a sheet for each picture."""
    rows = []
    for i, x in enumerate(pictures):
        rows += [x, *(made(nets, plan, x, given, seed + i).picture for given in modes_of(plan).values())]
    return np.stack(rows)


def super_resolution(nets: Networks, plan: Plan, pictures: np.ndarray) -> dict[str, float] | None:
    """PSNR of the picture expected from its exact 1/4 downscale, beside two filters; None for models without one."""
    strides = [stride for _, stride in plan.config.representations]
    if QUARTER not in plan.config.downscales:
        return None
    last = strides.index(QUARTER)
    methods: dict[str, list[np.ndarray]] = {"model": [], "bicubic": [], "lanczos": []}
    for x in pictures:
        walk = Walk(nets, plan, analyse(nets, plan, x))
        methods["model"].append(settle(walk, lambda level, _: level <= last, None).picture)
        small = mean_of(x.transpose(2, 0, 1), QUARTER, plan.y_step).transpose(1, 2, 0).astype(np.uint8)
        for name in ("bicubic", "lanczos"):
            resized = Image.fromarray(small).resize(x.shape[1::-1], Image.Resampling[name.upper()])
            methods[name].append(np.asarray(resized))
    return {name: mean_psnr_db(made, pictures) for name, made in methods.items()}


def sheet(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Pictures (N, S, S, 3) side by side with a pixel of white between them, (H, W, 3)."""
    N, S = pictures.shape[:2]
    rows = -(-N // columns)
    out = np.full((rows, columns, S + 1, S + 1, 3), 255, np.uint8)
    out.reshape(-1, S + 1, S + 1, 3)[:N, :S, :S] = pictures
    return out.swapaxes(1, 2).reshape(rows * (S + 1), columns * (S + 1), 3)[:-1, :-1]
