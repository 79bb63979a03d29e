"""How far the decoded 8-bit picture is from the original.

All measures take (H, W, 3) uint8 sRGB. PSNR is over the three channels
together. MS-SSIM is pytorch-msssim's (Wang et al. 2003: five scales, 11-tap
window, mean over channels), as in CompressAI. SSIMULACRA2 is the PyPI package
ssimulacra2's, see codec/pictures/ssimulacra2.py; Butteraugli and ColorVideoVDP are
measured where they are installed, see butteraugli.py and colorvideovdp.py.
"""

from __future__ import annotations

import math

import numpy as np

from . import butteraugli, colorvideovdp

MS_SSIM_SMALLEST = 161  # four halvings of an 11-tap window


def mse(original: np.ndarray, decoded: np.ndarray) -> float:
    """Mean squared error over all sub-pixels, in units of 8-bit steps squared."""
    # squares of 8-bit differences fit int32; their sum is taken in float64
    difference = original.astype(np.int32) - decoded.astype(np.int32)
    return float(np.mean(np.square(difference), dtype=np.float64))


def psnr_of_mse(mean_squared_error: float) -> float:
    """10 log10(255^2 / mse) in dB; infinite for 0."""
    if mean_squared_error == 0:
        return math.inf
    return 10 * math.log10(255.0**2 / mean_squared_error)


def psnr_db(original: np.ndarray, decoded: np.ndarray) -> float:
    """PSNR-RGB in dB of the 8-bit picture; infinite if equal."""
    return psnr_of_mse(mse(original, decoded))


def ms_ssim_of(original: np.ndarray, decoded: np.ndarray) -> float | None:
    """MS-SSIM in 0..1, or None where a side is under 161 pixels."""
    if min(original.shape[:2]) < MS_SSIM_SMALLEST:
        return None
    import torch
    from pytorch_msssim import ms_ssim

    def tensor(pixels):
        return torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float()  # (1, 3, H, W)

    with torch.no_grad():
        return float(ms_ssim(tensor(original), tensor(decoded), data_range=255, size_average=True))


def decibels(ms_ssim: float | None) -> float | None:
    """-10 log10(1 - MS-SSIM): the scale on which curves are drawn and BD-rates taken."""
    if ms_ssim is None or ms_ssim >= 1:
        return None
    return -10 * math.log10(1 - ms_ssim)


class Reference:
    """An original that is compared with many decoded pictures; SSIMULACRA2's half is kept."""

    def __init__(self, pixels: np.ndarray):
        self.pixels = pixels
        self._scales: list | None = None

    def measures(self, decoded: np.ndarray) -> dict:
        """{mse, psnr_db, ms_ssim, ssimulacra2, butteraugli, cvvdp, lossless}.

        None: psnr_db of what is lossless, a measure of a picture too small for it, or one that is not installed.
        """
        error = mse(self.pixels, decoded)
        return {
            "mse": error,
            "psnr_db": None if error == 0 else psnr_of_mse(error),
            "ms_ssim": ms_ssim_of(self.pixels, decoded),
            "ssimulacra2": self._ssimulacra2(decoded),
            "butteraugli": None if butteraugli.missing() else butteraugli.three_norm(self.pixels, decoded),
            "cvvdp": None if colorvideovdp.missing() else colorvideovdp.jod(self.pixels, decoded),
            "lossless": error == 0,
        }

    def _ssimulacra2(self, decoded: np.ndarray) -> float | None:
        from selfvae_codec.pictures import ssimulacra2

        if min(self.pixels.shape[:2]) < ssimulacra2.SMALLEST:
            return None
        if self._scales is None:
            self._scales = ssimulacra2.reference(self.pixels)
        return ssimulacra2.score(self._scales, decoded)


def missing() -> dict[str, str]:
    """Measures that cannot be taken here, and why."""
    reasons = {"Butteraugli": butteraugli.missing(), "ColorVideoVDP": colorvideovdp.missing()}
    return {name: why for name, why in reasons.items() if why}


def single_threaded() -> None:
    """Called once in every measuring process: processes are the parallelism here, not threads."""
    import torch

    torch.set_num_threads(1)
