"""Writes the golden files anew: ``python tests/make_golden.py``. For new weights, a new format number, or an
encoder that chooses otherwise; decoders must then still read the old ones, but for a new format number."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from conftest import make_picture
from PIL import Image
from portability_probe import SETTINGS

import selfvae_codec

GOLDEN = Path(__file__).parent / "golden"


def deepened(picture: np.ndarray) -> np.ndarray:
    """A picture of 16 bits that rounds to one of 8."""
    rows, columns, colours = np.indices(picture.shape)
    below = (37 * rows + 91 * columns + 11 * colours * rows) % 200 - 100
    return (257 * picture.astype(np.int64) + below).clip(0, 65535).astype(np.uint16)


def unusual() -> np.ndarray:
    """Blurred patches whose colours share their grain: networks fitted to it pay, and corrections by neighbours."""
    rng = np.random.default_rng(0)
    x = rng.normal(128, 20, (25, 30, 3)).repeat(6, 0).repeat(6, 1)
    for axis in (0, 1):
        x = sum(np.roll(x, k, axis) for k in range(5)) / 5
    grain = rng.normal(0, 1.5, (128, 160, 1)) * np.array([1, -1, 0.5])
    return (x[9:137, 9:169] + grain).round().clip(0, 255).astype(np.uint8)


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    if not (GOLDEN / "golden.png").exists():
        picture = make_picture(150, 90, seed=11)
        picture[20:60, 30:80] = (220, 40, 60)  # a hard edge, which photographs have and waves do not
        Image.fromarray(picture).save(GOLDEN / "golden.png")
    picture = np.asarray(Image.open(GOLDEN / "golden.png"))
    for name, settings in SETTINGS.items():
        (GOLDEN / f"{name}.svae").write_bytes(selfvae_codec.encode(picture, **settings, backend="torch"))
    (GOLDEN / "deep.svae").write_bytes(selfvae_codec.encode(deepened(picture), lossless=True, backend="torch"))
    (GOLDEN / "fitted.svae").write_bytes(selfvae_codec.encode(unusual(), lossless=True, backend="torch"))
    probe = [sys.executable, str(Path(__file__).parent / "portability_probe.py"), "torch", "-"]
    report = subprocess.run(probe, check=True, capture_output=True, text=True, env={"OMP_NUM_THREADS": "1"}).stdout
    (GOLDEN / "golden.json").write_text(json.dumps(json.loads(report), indent=1) + "\n")


if __name__ == "__main__":
    main()
