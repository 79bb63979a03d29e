"""``python -m benchmarks.studies.looks``: the weights that codec/choice/looks.py has, fitted to training photographs.

Encodes and decodes the middle of each at several qualities whose steps are the same for all of them, scores the results
by SSIMULACRA2 and asks which change of step, from the measures that an encoder takes beforehand, makes scores equal.
Spreads are of pictures that had no part in the fit, in twenty turns; scores after a change of step are read off the
line through the neighbouring qualities.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np

import selfvae_codec
from selfvae_codec.choice import looks
from selfvae_codec.choice.analysis import analyse
from selfvae_codec.choice.foresight import missing
from selfvae_codec.coding.plan import plan_for
from selfvae_codec.models.exact.backends import networks
from selfvae_codec.models.exact.layers import T_UNITS
from selfvae_codec.pictures import ssimulacra2

from ..measures.environment import environment
from ..pictures import Picture
from ..progress import say
from ..results import write_json
from .photographs import middle, parser, some_of

QUALITIES = (20, 35, 50, 65, 80, 90, 97)
FINEST = 99.9  # whose measures' means are taken as well, so that none is asked for beyond
TURNS = 20


def looked_at(picture: Picture) -> tuple[np.ndarray, np.ndarray]:
    """Scores, (qualities,), and measures, (qualities and FINEST, 8), at the steps that these have by themselves."""
    selfvae_codec.set_threads(1)
    looks.WEIGHTS = np.zeros_like(looks.WEIGHTS)
    x, nets = middle(picture.pixels()), networks("downscale")
    plans = [plan_for(*x.shape[:2], quality) for quality in (*QUALITIES, FINEST)]
    reference = ssimulacra2.reference(x)
    decoded = (selfvae_codec.decode(selfvae_codec.encode(x, quality=quality)) for quality in QUALITIES)
    scores = [ssimulacra2.score(reference, y) for y in decoded]
    stride = nets.config.activity_stride or 0
    bands = [missing(nets, plan, analyse(nets, plan, x)) for plan in plans]
    return np.array(scores), np.array([looks.looked_at(band, stride)[0] for band in bands])


def fitted(measures: np.ndarray, wanted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Least squares, with a little of the identity."""
    a = (measures * weight[..., None]).reshape(-1, measures.shape[-1])
    square = a.T @ a
    ridge = 0.03 * np.trace(square) / len(square) * np.eye(len(square))
    return np.linalg.solve(square + ridge, a.T @ (wanted * weight).ravel())


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parser("looks", __doc__.split("\n")[0]).parse_args(argv)
    chosen = some_of(args.folders, args.pictures, args.smallest)
    with ProcessPoolExecutor(args.processes) as pool:
        scores, measures = (np.array(v) for v in zip(*pool.map(looked_at, chosen)))
    steps = np.array([plan_for(512, 768, quality).step / T_UNITS for quality in (*QUALITIES, FINEST)])
    means, measures, t = measures.mean(0), measures[:, :-1], steps[:-1]
    mean, slope, far = scores.mean(0), np.gradient(scores, t, axis=1), t - looks.MIDDLE
    wanted, weight = (mean - scores) / slope, np.abs(slope) / scores.std(0)
    centred = measures - means[:-1]
    told = np.concatenate([centred, centred * far[:, None]], 2)
    after = np.empty_like(scores)
    for left_out in np.array_split(np.random.default_rng(0).permutation(len(scores)), TURNS):
        kept = np.setdiff1d(np.arange(len(scores)), left_out)
        change = looks.bounded(told[left_out] @ fitted(told[kept], wanted[kept], weight[kept]), t)
        after[left_out] = scores[left_out] + slope[left_out] * change
    weights = fitted(told, wanted, weight).reshape(2, -1)
    result = {
        "environment": environment(["python", "-m", "benchmarks.studies.looks", *argv], 1, args.processes, 1, 0),
        "pictures": len(chosen),
        "steps": steps[::-1].tolist(),
        "means": means[::-1].tolist(),
        "weights": weights.tolist(),
        "qualities": [
            {"quality": q, "log3_step": s, "mean": m, "spread": before, "spread_after": then, "mean_after": mean_after}
            for q, s, m, before, then, mean_after in zip(
                QUALITIES, t, mean, scores.std(0, ddof=1), after.std(0, ddof=1), after.mean(0)
            )
        ],
    }
    write_json(args.out, result)
    for row in result["qualities"]:
        say(str(row))


if __name__ == "__main__":
    main()
