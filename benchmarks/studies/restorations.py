"""``python -m benchmarks.studies.restorations``: bases for coding/restoration.py, fitted to training photographs.

Encodes the middle of each at several qualities and keeps what weights of its restoration would save. The weights of all
are taken as Gaussian around 0; their covariance is that under which the savings are likeliest (expectation
maximisation). The basis is that in which such weights are independent and, in the mean of photographs, errors of all
coordinates cost alike.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import selfvae_codec
from selfvae_codec.choice import restoring
from selfvae_codec.choice.restoring import SPREAD, Savings
from selfvae_codec.coding.restoration import BASIS_BITS
from selfvae_codec.models.exact.restoration import PLANES
from selfvae_codec.models.tables import LOG2_SCALE_STEP

from ..measures.environment import environment
from ..pictures import Picture
from ..progress import say
from ..results import write_json
from .photographs import middle, parser, some_of

QUALITIES = (5, 12, 25, 45, 65, 85)
TUNES = "visual", "psnr"  # in turn
ROUNDS = 100


def told_by(picture: Picture) -> list[list[Savings]]:
    """Of each quality, of each plane of colour."""
    selfvae_codec.set_threads(1)
    x, measured, told = middle(picture.pixels()), restoring.savings, []

    def noted(walk, k):
        told.append(measured(walk, k))
        return told[-1]

    restoring.savings, last = noted, []
    for index, quality in enumerate(QUALITIES):
        selfvae_codec.encode(x, quality=quality, tune=TUNES[index % len(TUNES)])
        if told:  # of no file where nothing is to be coded
            last.append(told[-1])
        told.clear()
    restoring.savings = measured
    return last


def covariance(told: list[Savings]) -> tuple[np.ndarray, float]:
    """Of weights, and how many bits a picture saves with weights that follow it, those that say them counted."""
    count, nats = len(told[0].pull), np.log(2)
    found = SPREAD**2 / count * np.eye(count)
    for _ in range(ROUNDS):
        inverse, total, evidence = np.linalg.inv(found), np.zeros((count, count)), 0.0
        for savings in told:
            spread = np.linalg.inv(nats * savings.curvature + inverse)
            mean = spread @ (nats * savings.pull)
            total += np.outer(mean, mean) + spread
            evidence += (nats * savings.pull @ mean + np.linalg.slogdet(spread)[1]) / 2
        evidence -= len(told) * np.linalg.slogdet(found)[1] / 2
        found = total / len(told)
    return found, evidence / nats / len(told)


def basis_of(told: list[Savings], found: np.ndarray) -> dict[str, np.ndarray]:
    """In whole numbers, the first coordinate SPREAD on average."""
    curvature = np.mean([savings.curvature / np.trace(savings.curvature) for savings in told], 0)
    root = np.linalg.cholesky(curvature)
    variances, turned = np.linalg.eigh(root.T @ found @ root)
    variances, turned = variances[::-1], turned[:, ::-1]
    directions = np.linalg.solve(root.T, turned) * np.sqrt(variances[0]) / SPREAD * 2**BASIS_BITS
    shifts = np.maximum(0, np.ceil(np.log2(np.abs(directions).max(0) / 127)))
    return {
        "directions": np.rint(directions / 2**shifts).astype(np.int8),
        "shifts": shifts.astype(np.int8),
        "levels": np.rint(np.log2(variances / variances[0]) / 2 / LOG2_SCALE_STEP).astype(np.int8),
    }


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = parser("restorations", __doc__.split("\n")[0])
    p.add_argument("--bases", type=Path, required=True, help="where the bases go")
    args = p.parse_args(argv)
    chosen = some_of(args.folders, args.pictures, args.smallest)
    with ProcessPoolExecutor(args.processes) as pool:
        told = [planes for each in pool.map(told_by, chosen) for planes in each]
    tensors, planes = {}, []
    for plane in range(PLANES):
        these = [savings[plane] for savings in told]
        found, saved = covariance(these)
        basis = basis_of(these, found)
        tensors |= {f"P{plane}.{name}": v for name, v in basis.items()}
        planes.append({"plane": plane, "saved_bits": float(saved), "levels": basis["levels"].tolist()})
        say(str(planes[-1]))
    save_file(tensors, args.bases)
    result = {
        "environment": environment(["python", "-m", "benchmarks.studies.restorations", *argv], 1, args.processes, 1, 0),
        "pictures": len(chosen),
        "files": len(told),
        "planes": planes,
    }
    write_json(args.out, result)


if __name__ == "__main__":
    main()
