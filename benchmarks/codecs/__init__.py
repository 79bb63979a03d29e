"""Which codecs are here, and why the others are not.

    ready, missing = available("lossy", api="selfvae_codec")

``ready`` maps keys to Codec objects, ``missing`` maps keys to one-line reasons.
A codec is rebuilt from its key in every process: functions do not travel, keys do.
"""

from __future__ import annotations

from . import lossless, lossy, ours
from .base import Codec, Point

__all__ = ["Codec", "Point", "available", "build", "keys"]

API = "selfvae_codec"


def _builders(kind: str, api: str) -> dict:
    if kind == "lossy":
        return {
            "ours": lambda: ours.one_file_per_quality(api),
            "ours-embedded": lambda: ours.embedded(api),
            "ours-psnr": lambda: ours.psnr(api),
            "ours-edge": lambda: ours.of_model("edge", api),
            **lossy.BUILDERS,
        }
    if kind == "lossless":
        return {"ours-lossless": lambda: ours.lossless(api), **lossless.BUILDERS}
    raise ValueError(f"kind must be 'lossy' or 'lossless', not {kind!r}")


def keys(kind: str) -> list[str]:
    """Every key of ``kind``, installed or not, in the order of the tables."""
    return list(_builders(kind, API))


def build(key: str, api: str = API) -> Codec:
    """The codec called ``key``. Raises KeyError for an unknown key, ImportError if not installed."""
    builders = {**_builders("lossy", api), **_builders("lossless", api)}
    if key not in builders:
        raise KeyError(f"no codec {key!r}; there are {', '.join(builders)}")
    return builders[key]()


def available(kind: str, api: str = API) -> tuple[dict[str, Codec], dict[str, str]]:
    """What can be measured here, and one line each for what cannot."""
    ready, missing = {}, {}
    for key, make in _builders(kind, api).items():
        try:
            ready[key] = make()
        except (ImportError, AttributeError) as error:
            missing[key] = str(error)
    return ready, missing
