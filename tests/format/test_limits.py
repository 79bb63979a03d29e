"""How much work a file may ask for, however small it is."""

import io
import math
import warnings

import pytest
from PIL import Image

import selfvae_codec
import selfvae_codec.pillow  # noqa: F401  (registers the format)
from selfvae_codec import SizeLimitError, SizeWarning, decode, read_header, representation
from selfvae_codec.format import container
from selfvae_codec.format.limits import DEFAULT_PIXELS, check_size_limit


def claiming(width, height):
    """A file of a few bytes whose header claims so many pixels."""
    fields = dict(model_id=b"fakefake", step=640, quality=50, y_step=2, payloads=[b"", b""])
    return container.pack(width=width, height=height, symbol_checks=[0, 0], **fields)


@pytest.mark.parametrize(("size", "padded"), [((1, 1), 64 * 64), ((65535, 1), 65536 * 64), ((65, 64), 128 * 64)])
def test_limits_count_the_pixels_that_are_worked_on(size, padded):
    header = read_header(claiming(*size))
    assert header.padded_pixels == padded
    check_size_limit(header, padded)
    with pytest.raises(SizeLimitError, match=f"takes the work of {padded} pixels, more than {padded - 1}"):
        check_size_limit(header, padded - 1)


@pytest.mark.parametrize("read", [decode, representation])
def test_by_default_many_pixels_are_warned_of_and_twice_as_many_refused(core, read):
    with pytest.raises(SizeLimitError):
        read(claiming(16384, 16384))
    with pytest.raises(SizeLimitError):
        read(claiming(4096, 4096), size_limit=4096 * 4096 - 1)
    assert core.calls == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SizeWarning):
            read(claiming(10000, 10000))
        header = read_header(claiming(16384, 16384))
        check_size_limit(header, math.inf)
        check_size_limit(header, 2**28)
        check_size_limit(read_header(claiming(65472, DEFAULT_PIXELS // 65472 // 64 * 64)))


def test_pillow_sees_the_padded_pixels_and_its_own_limit_holds(core, monkeypatch):
    line = io.BytesIO(claiming(65535, 1))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 65536 * 64)
    assert Image.open(line).size == (65535, 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 65536 * 64 - 1)
    with pytest.warns(Image.DecompressionBombWarning, match="4194304 pixels, padded"):
        Image.open(line)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 65536 * 32 - 1)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(line)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert Image.open(line).size == (65535, 1)
