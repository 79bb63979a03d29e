"""Arrays in stores of arrays: zarr formats 2 and 3 and numcodecs, found by entry point, whole arrays and one chunk."""

import json
import threading
from importlib.metadata import entry_points

import numpy as np
import pytest
from conftest import make_picture

import selfvae_codec
from selfvae_codec import chunks
from selfvae_codec.errors import CodecError, FormatError

EXACT, LOSSY = chunks.Settings(effort=0), chunks.Settings(lossless=False, quality=60, effort=0)
RGB = make_picture(48, 40)
RGBA = np.dstack([RGB, np.full((40, 48), 255, np.uint8)])
DEEP = RGB * np.uint16(257) - RGB[::-1]  # uses all 16 bits
DEEP_ALPHA = np.dstack([DEEP, np.full((40, 48), 65535, np.uint16)])
STACK = np.stack([make_picture(24, 20, seed) for seed in range(4)]).reshape(2, 2, 20, 24, 3)


@pytest.mark.parametrize(
    "x",
    [RGB, RGB[:, :, 0], RGBA, STACK, STACK[..., 0], RGB[None], STACK[0, 0, :, :3, 0], DEEP, DEEP[:, :, 0], DEEP_ALPHA],
    ids=[
        "rgb",
        "grey",
        "opaque alpha",
        "stack",
        "grey stack",
        "one of one",
        "three columns",
        "deep",
        "deep grey",
        "deep with alpha",
    ],
)
def test_a_chunk_comes_back_exactly_in_its_own_shape(x):
    data = chunks.encode(x, EXACT)
    y = chunks.decode(data, EXACT, x.shape)
    assert y.dtype == x.dtype and np.array_equal(x, y)
    lossy = chunks.decode(chunks.encode(x, LOSSY), LOSSY, x.shape, x.dtype)
    assert lossy.shape == x.shape and lossy.dtype == x.dtype
    assert np.abs(lossy.astype(int) - x).mean() < 12 * np.iinfo(x.dtype).max / 255


def test_a_chunk_of_one_picture_is_a_file_and_of_several_one_file_after_the_other():
    assert np.array_equal(selfvae_codec.decode(chunks.encode(RGB, EXACT)), RGB)
    data, files = chunks.encode(STACK[0], EXACT), [chunks.encode(x, EXACT) for x in STACK[0]]
    assert data == b"".join(files)


def test_channels_are_what_the_settings_say():
    thin = STACK[0, :, :, :3, 0]  # (2, 20, 3): a picture of three channels, or two of three columns
    assert selfvae_codec.read_header(chunks.encode(thin, EXACT)).width == 20
    narrow = chunks.Settings(effort=0, channels=False)
    assert selfvae_codec.read_header(chunks.encode(thin, narrow)).width == 3
    assert np.array_equal(chunks.decode(chunks.encode(thin, narrow), narrow, thin.shape), thin)


@pytest.mark.parametrize(
    "x, settings, words",
    [
        (RGB.astype(np.float32), EXACT, "float32"),
        (RGB[0, :, 0], EXACT, "rows and columns"),
        (RGB[:, :, 0], chunks.Settings(channels=True), "channels=True"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused_with_words(x, settings, words):
    with pytest.raises(CodecError, match=words):
        chunks.encode(x, settings)


def test_damaged_chunks_and_chunks_of_another_shape_are_errors():
    data = chunks.encode(STACK[0], EXACT)
    for bad in (b"", data[:-1], data[:20], b"no" + data, data + data[:5]):
        with pytest.raises(FormatError), np.errstate(all="raise"):
            chunks.decode(bad, EXACT, STACK[0].shape)
    with pytest.raises(FormatError, match="not \\(4, 20, 24, 3\\)"):
        chunks.decode(data, EXACT, (4, 20, 24, 3))
    with pytest.raises(FormatError, match="of uint8, not uint16"):
        chunks.decode(data, EXACT, STACK[0].shape, np.dtype(np.uint16))
    with pytest.raises(CodecError):
        chunks.Settings(quality=101)


def test_threads_that_decode_at_the_same_time_do_not_disturb_each_other():
    coded = [chunks.encode(x, EXACT) for x in STACK.reshape(-1, 20, 24, 3)]
    wrong = []

    def work(index):
        for turn in range(6):
            which = (index + turn) % 4
            if not np.array_equal(chunks.decode(coded[which], EXACT), STACK.reshape(-1, 20, 24, 3)[which]):
                wrong.append(which)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.filterwarnings("ignore")  # zarr warns of codecs that the specification does not name
@pytest.mark.parametrize("settings", [{"effort": 0}, {"lossless": False, "quality": 60, "effort": 0}])
@pytest.mark.parametrize("zarr_format, dtype", [(2, "uint8"), (3, "uint8"), (2, "<u2"), (3, "uint16")])
def test_a_zarr_array_round_trips_and_one_chunk_is_read_alone(tmp_path, zarr_format, dtype, settings):
    zarr = pytest.importorskip("zarr", minversion="3", reason="pip install 'selfvae-codec[zarr]'")
    assert {"numcodecs.codecs", "zarr.codecs"} <= {point.group for point in entry_points(name="selfvae_codec")}
    x = np.stack([make_picture(70, 60, seed) for seed in range(2)]).astype(dtype)
    x = x * 257 + 3 if x.itemsize > 1 else x
    if zarr_format == 3:
        ways = {"serializer": {"name": "selfvae_codec", "configuration": settings}, "compressors": None}
    else:
        ways = {"compressors": {"id": "selfvae_codec"} | settings}
    kept = zarr.create_array(
        tmp_path / "a.zarr", shape=x.shape, chunks=(1, 32, 40, 3), dtype=dtype, zarr_format=zarr_format, **ways
    )
    kept[:] = x
    again = zarr.open_array(tmp_path / "a.zarr", mode="r")
    y = again[:]
    if settings.get("lossless", True):
        assert np.array_equal(x, y)
    else:
        assert 0 < np.abs(y.astype(int) - x).mean() < 6 * np.iinfo(dtype).max / 255
    chunk = tmp_path / "a.zarr" / ("c/1/0/0/0" if zarr_format == 3 else "1.0.0.0")
    alone = selfvae_codec.decode(chunk.read_bytes())
    assert np.array_equal(alone, y[1, :32, :40])
    for other in (tmp_path / "a.zarr").rglob("*"):
        if other.is_file() and other != chunk and not other.name.endswith((".json", ".zarray", ".zattrs")):
            other.write_bytes(b"damaged")
    assert np.array_equal(again[1, :32, :40], alone)
    said = (tmp_path / "a.zarr" / ("zarr.json" if zarr_format == 3 else ".zarray")).read_text()
    assert '"selfvae_codec"' in said and json.loads(said)


def test_zarr_refuses_arrays_of_other_types_when_they_are_made(tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3", reason="pip install 'selfvae-codec[zarr]'")
    from selfvae_codec.zarr import Svae

    with pytest.raises(CodecError, match="float32"):
        zarr.create_array(
            tmp_path / "a.zarr", shape=(8, 8), chunks=(8, 8), dtype="float32", serializer=Svae(), compressors=None
        )


def test_numcodecs_finds_the_codec_by_its_id():
    numcodecs = pytest.importorskip("numcodecs", reason="pip install 'selfvae-codec[zarr]'")
    codec = numcodecs.get_codec({"id": "selfvae_codec", "effort": 0})
    data = codec.encode(RGB)
    assert np.array_equal(codec.decode(data), RGB)
    out = np.empty_like(RGB)
    codec.decode(data, out)
    assert np.array_equal(out, RGB)
    assert numcodecs.get_codec(codec.get_config()).settings == codec.settings
    with pytest.raises(CodecError, match="takes them for little-endian"):
        codec.encode(DEEP.astype(">u2"))
    with pytest.raises(CodecError, match="column by column: make it with order='C'"):
        codec.encode(np.asfortranarray(RGB))  # zarr would turn what a decoder gives into that order


def test_settings_that_numpy_made_are_written_down_as_any_others():
    assert json.dumps(chunks.Settings(quality=np.float32(75), effort=np.int64(0)).as_dict())


def test_arrays_of_either_byte_order_are_the_same_picture():
    swapped = DEEP.astype(">u2")
    assert chunks.encode(swapped, EXACT) == chunks.encode(DEEP, EXACT)
    back = chunks.decode(chunks.encode(swapped, EXACT), EXACT, swapped.shape, swapped.dtype)
    assert back.dtype == swapped.dtype and np.array_equal(back, DEEP)
