"""This codec, seen from outside: only its public functions are used.

Four curves. ``ours``: one file per quality, each decoded whole. ``ours-embedded``:
*one* file of the highest quality, cut after each level, so that every point of
the curve is a beginning of the same bytes. ``ours-psnr``: one file per quality,
tuned for the least squared error. ``ours-edge``: one file per quality of the model that starts
with a sketch, where its weights are installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..sources import code_id
from .base import Codec, Point

QUALITIES = (5, 20, 35, 50, 65, 80, 90, 97)
FIRST_LEVEL = 3  # levels 1 and 2 are thumbnails; the pictures start at 3


def _bound(api_name: str, **options):
    """(encode, decode, module) of the codec module ``api_name``; ImportError if it lacks them. options: of encode."""
    api = importlib.import_module(api_name)
    missing = [name for name in ("encode", "decode", "read_header", "set_threads") if not hasattr(api, name)]
    if missing:
        raise ImportError(f"{api_name} has no {', '.join(missing)}")

    def encode(pixels, quality, threads):
        api.set_threads(threads)
        return api.encode(pixels, quality=float(quality), **options)

    def decode(data, threads):
        api.set_threads(threads)
        with warnings.catch_warnings():  # a cut file says that it is cut; here we know
            warnings.simplefilter("ignore")
            return np.asarray(api.decode(data))

    return encode, decode, api


def cuts(api, data: bytes) -> list[tuple[int, str, bytes]]:
    """(level index, name, the file cut after it) for each level."""
    return [
        (int(level.index), str(level.name), data[: level.offset + level.length])
        for level in api.read_header(data).levels
    ]


@dataclass(frozen=True)
class EmbeddedCodec(Codec):
    """Encodes once, at the last setting; its points are the levels of that file."""

    def points(self, pixels, settings, threads, timed) -> Iterator[Point]:
        data, encode_s, encode_runs = timed(self.encode, pixels, self.settings[-1], threads)
        for index, name, cut in cuts(self.extra["api"], data):
            decoded, decode_s, decode_runs = timed(self.decode, cut, threads)
            yield Point(
                index,
                f"level {index}, {name}",
                len(cut),
                decoded,
                encode_s,
                decode_s,
                encode_runs,
                decode_runs,
                on_curve=index >= FIRST_LEVEL,
            )


def _made(key: str, name: str, files: str, bound, *, kind=Codec, settings=QUALITIES, **fields) -> Codec:
    """files: which files of this codec the curve is of; bound: of ``_bound``."""
    encode, decode, api = bound
    return kind(
        key, name, f"{version(api)}, {files}", settings, encode, decode, ours=True, extra={"api": api}, **fields
    )


def one_file_per_quality(api_name: str = "selfvae_codec") -> Codec:
    return _made("ours", "selfvae-codec", "one file per quality", _bound(api_name))


def psnr(api_name: str = "selfvae_codec") -> Codec:
    files = "--tune psnr, one file per quality"
    return _made("ours-psnr", "selfvae-codec --tune psnr", files, _bound(api_name, tune="psnr"))


def of_model(model: str, api_name: str = "selfvae_codec") -> Codec:
    """Files of a model that is not the default. Raises ImportError where it cannot be used."""
    bound = encode, _, api = _bound(api_name, model=model)
    try:
        made_with = _model_id(encode, api)
    except Exception as error:  # no weights, or no scikit-image: the reason is in the message
        raise ImportError(str(error)) from error
    return _made(
        f"ours-{model}", f"selfvae-codec, {model} model", f"model {model} ({made_with}), one file per quality", bound
    )


def embedded(api_name: str = "selfvae_codec") -> Codec:
    files = f"one file of quality {QUALITIES[-1]}, cut after each level from {FIRST_LEVEL} on"
    return _made("ours-embedded", "selfvae-codec, one file", files, _bound(api_name), kind=EmbeddedCodec)


def lossless(api_name: str = "selfvae_codec") -> Codec:
    return _made("ours-lossless", "selfvae-codec", "quality 100", _bound(api_name), settings=(100,), lossless=True)


def version(api) -> str:
    return f"{api.__name__} {getattr(api, '__version__', '')}".strip()


def code(api_name: str = "selfvae_codec") -> str:
    """Hash of the sources of what makes files, weights apart."""
    api = importlib.import_module(api_name)
    has_models = hasattr(api, "__path__") and importlib.util.find_spec(f"{api_name}.models")
    return code_id(api, *([importlib.import_module(f"{api_name}.models")] if has_models else []))


def model_id(api_name: str = "selfvae_codec") -> str | None:
    """The id of the weights, as a file's header tells it; None where it does not."""
    try:
        encode, _, api = _bound(api_name)
        return _model_id(encode, api)
    except Exception:  # a codec that cannot run is reported elsewhere; this is only a label
        return None


def _model_id(encode, api) -> str | None:
    found = getattr(api.read_header(encode(np.full((64, 64, 3), 128, np.uint8), 50, 1)), "model_id", None)
    return found.hex() if isinstance(found, bytes) else found if found is None else str(found)
