"""Butteraugli's 3-norm, by libjxl's own program butteraugli_main (Debian: libjxl-devtools).

A distance: 0 is equal, 1 hard to tell apart side by side. At the program's default of 80 nits.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

PROGRAM = "butteraugli_main"


def missing() -> str | None:
    """Why it cannot be measured here; None if it can."""
    return None if shutil.which(PROGRAM) else f"no {PROGRAM} on the PATH (Debian: libjxl-devtools)"


def three_norm(original: np.ndarray, decoded: np.ndarray) -> float:
    """Of two (H, W, 3) uint8 sRGB pictures. Raises RuntimeError where the program fails."""
    with TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("original.ppm", "decoded.ppm")]
        for path, pixels in zip(paths, (original, decoded), strict=True):
            Image.fromarray(pixels).save(path)
        done = subprocess.run([PROGRAM, *map(str, paths), "--pnorm", "3"], capture_output=True, text=True)
    found = re.search(r"^3-norm: (\S+)$", done.stdout, re.MULTILINE)
    if done.returncode or not found:
        raise RuntimeError(f"{PROGRAM} failed with {done.returncode}: {(done.stderr or done.stdout).strip()[-200:]}")
    return float(found[1])
