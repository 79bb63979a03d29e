"""Weights files: what ships is what was released; what somebody made is used on purpose; damage is named."""

import warnings

import numpy as np
import pytest
from conftest import make_picture
from safetensors.numpy import load_file, save_file

import selfvae_codec
from selfvae_codec import UnknownModelError, WeightsError, WeightsWarning
from selfvae_codec.app import main
from selfvae_codec.models.exact import backends, shipped, weights

X = make_picture(20, 12)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in the place of the package's, with nothing of what was loaded or said before."""
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    monkeypatch.setattr(weights, "_given", {})
    monkeypatch.setattr(weights, "_said", set())
    backends._load.cache_clear()
    yield tmp_path
    backends._load.cache_clear()


def test_the_hashes_that_were_written_down_are_those_of_the_files():
    hashes = {name: shipped.digest(path).hex() for name, path in weights.installed().items()}
    assert shipped.recorded(shipped.FOLDER) == hashes, "after new weights: python -m selfvae_codec.models.exact.shipped"


def test_one_changed_bit_of_a_file_that_ships_is_found_and_the_file_is_named(folder):
    path = folder / "downscale.safetensors"
    content = bytes(range(256)) * 20
    path.write_bytes(content)
    shipped.record(folder)
    for place in range(0, len(content), 37):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        shipped._digest.cache_clear()
        with pytest.raises(WeightsError, match=r"downscale\.safetensors is damaged.*install the package again"):
            selfvae_codec.encode(X)


def make_empty(path):
    path.write_bytes(b"")


def make_folder(path):
    path.mkdir()


def make_other(path):
    path.write_bytes(weights.shipped.FOLDER.joinpath("edge.safetensors").read_bytes())


def make_text(path):
    path.write_text("no weights")


@pytest.mark.parametrize("make", [make_empty, make_folder, make_other, make_text])
@pytest.mark.parametrize("ships", [True, False])
def test_whatever_lies_in_the_place_of_weights_is_an_error_of_ours(folder, make, ships):
    path = folder / "downscale.safetensors"
    make(path)
    if ships:
        (folder / shipped.HASHES).write_bytes((shipped.FOLDER / shipped.HASHES).read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeightsWarning)
        if make is make_other and not ships:
            assert selfvae_codec.encode(X)  # somebody's own, sound
        else:
            with pytest.raises(WeightsError, match="downscale.safetensors"):
                selfvae_codec.encode(X)


def test_damaged_hashes_are_an_error_of_ours(folder):
    (folder / "downscale.safetensors").write_bytes(b"any")
    (folder / shipped.HASHES).write_text("[")
    with pytest.raises(WeightsError, match="ids.json.*install the package again"):
        selfvae_codec.encode(X)


def test_a_copy_of_weights_that_ship_is_none_of_ones_own(tmp_path):
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes((shipped.FOLDER / "downscale.safetensors").read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert weights.identify(str(copy)) == weights.identify("downscale")


def test_own_weights_are_used_by_name_or_path_and_said_once(folder, tmp_path_factory):
    content = (shipped.FOLDER / "downscale.safetensors").read_bytes()
    elsewhere = tmp_path_factory.mktemp("mine") / "mine.safetensors"
    elsewhere.write_bytes(content)
    with pytest.warns(WeightsWarning, match="mine.safetensors holds weights that no release ships"):
        data = selfvae_codec.encode(X, model=str(elsewhere))
    assert selfvae_codec.decode(data).shape == X.shape  # and not said again, which would be an error here
    weights._given.clear()
    backends._load.cache_clear()
    with pytest.raises(UnknownModelError):
        selfvae_codec.decode(data)
    (folder / "mine.safetensors").write_bytes(content)
    with pytest.warns(WeightsWarning, match="mine.safetensors"):
        assert selfvae_codec.decode(data).shape == X.shape
    assert selfvae_codec.encode(X, model="mine") == data
    with pytest.raises(WeightsError, match="absent.safetensors"):
        selfvae_codec.encode(X, model="absent.safetensors")


@pytest.fixture
def own(folder, tmp_path_factory):
    """A weights file that lies elsewhere, and a file that was written with it, of which nothing is known any more."""
    path = tmp_path_factory.mktemp("mine") / "mine.safetensors"
    path.write_bytes((shipped.FOLDER / "downscale.safetensors").read_bytes())
    with pytest.warns(WeightsWarning):
        data = selfvae_codec.encode(X, model=str(path))
    forget()
    return path, data


def forget():
    weights._given.clear()
    weights._said.clear()
    backends._load.cache_clear()


@pytest.mark.parametrize("call", [selfvae_codec.decode, selfvae_codec.representation])
def test_a_file_of_own_weights_is_read_by_whoever_names_them(own, call):
    path, data = own
    with pytest.raises(UnknownModelError, match="or name its weights file as the model"):
        call(data)
    with pytest.warns(WeightsWarning, match="mine.safetensors holds weights that no release ships"):
        expected = call(data, model=str(path))
    assert np.array_equal(call(data), expected)  # known from then on
    forget()
    with pytest.raises(WeightsError, match="test_weights.py: .*name a file that selfvae-codec export wrote"):
        call(data, model=__file__)
    with pytest.raises(
        WeightsError, match="absent.safetensors: No such file or directory; name a file that selfvae-codec export wrote"
    ):
        call(data, model="absent.safetensors")


def test_own_weights_that_did_not_write_the_file_are_named_beside_those_that_are_installed(own):
    data = bytearray(own[1])
    header = selfvae_codec.read_header(own[1])
    edge = shipped.FOLDER / "edge.safetensors"
    with pytest.warns(WeightsWarning), pytest.raises(UnknownModelError) as caught:
        selfvae_codec.decode(bytes(data), model=str(edge.absolute()))
    assert header.model_id.hex() in str(caught.value) and str(edge) in str(caught.value)


def test_weights_that_change_under_their_name_are_other_weights(own):
    path, data = own
    with pytest.warns(WeightsWarning):
        before = selfvae_codec.decode(data, model=str(path))
    path.write_bytes((shipped.FOLDER / "edge.safetensors").read_bytes())
    assert np.array_equal(selfvae_codec.decode(data), before)  # they are loaded
    backends._load.cache_clear()
    with pytest.raises(WeightsError, match="mine.safetensors holds other weights than it did before"):
        selfvae_codec.decode(data)
    assert (
        selfvae_codec.read_header(selfvae_codec.encode(X, model=str(path), effort=0)).model_id
        == shipped.digest(path)[:8]
    )


def test_the_command_takes_own_weights_both_ways_and_says_so_once(own, tmp_path, monkeypatch, capsys):
    path, data = own
    monkeypatch.chdir(tmp_path)
    for name in ("a.svae", "b.svae"):
        (tmp_path / name).write_bytes(data)
    assert main.run(["decode", "a.svae", "-o", "a.png"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("selfvae-codec: error: a.svae: the file was written with model") and said.count("\n") == 1
    assert main.run(["decode", "a.svae", "b.svae", "--model", str(path), "--output-dir", "out"]) == 0
    assert capsys.readouterr().err.count("holds weights that no release ships") == 1
    assert main.run(["decode", "a.svae", "-o", "c.png", "--raw", "--levels", "1", "--model", str(path)]) == 0
    forget()
    assert main.run(["encode", "a.png", "--model", str(path)]) == 1  # no such picture: the weights do not matter
    assert main.run(["encode", "out/a.png", "-o", "d.svae", "--model", str(path)]) == 0
    assert capsys.readouterr().err.count("holds weights that no release ships") == 1


def without_networks():
    """Arrays and configuration of the default's weights, but for the networks."""
    arrays = {name: array for name, array in load_file(weights.default()).items() if not name.startswith("net.")}
    return arrays, weights.read(weights.default()).config.to_json()


@pytest.mark.parametrize(
    "name", ["table.symbols", "table.digits", "table.log3", "table.u", "table.gains", "transform.block"]
)
def test_tables_that_cannot_be_right_are_named(name, tmp_path):
    arrays, config = without_networks()
    path = tmp_path / "own.safetensors"
    for wrong in (np.zeros_like(arrays[name]) - 1, arrays[name][:-1], arrays[name].astype(np.float32), None):
        changed = arrays | {name: wrong} if wrong is not None else {k: v for k, v in arrays.items() if k != name}
        if wrong is None and name == "table.u":
            continue  # of a model without downscales
        if name == "transform.block" and wrong is not None and wrong.dtype == arrays[name].dtype and wrong.min() == -1:
            wrong += 2**20
        save_file({k: np.ascontiguousarray(v) for k, v in changed.items()}, path, {"config": config})
        with pytest.raises(WeightsError, match=f"own.safetensors is damaged: its {name.partition('.')[2]}"):
            weights.read(path)


def test_a_network_that_is_missing_is_named(tmp_path):
    arrays, config = without_networks()
    path = tmp_path / "own.safetensors"
    save_file(arrays, path, {"config": config})
    with pytest.warns(WeightsWarning), pytest.raises(WeightsError, match="there is no network"):
        selfvae_codec.encode(X, model=str(path))


def test_a_network_whose_arrays_do_not_fit_together_is_named():
    name = "lead_prior.0@2"
    arrays = {key: array for key, array in load_file(weights.default()).items() if key.startswith(f"net.{name}.")}
    assert weights.StoredNets(arrays)[name].name == name
    for key, array in arrays.items():
        for wrong in (array[:0], array.reshape(-1)[:-1], array[None], None):
            damaged = arrays | {key: wrong} if wrong is not None else {k: v for k, v in arrays.items() if k != key}
            try:
                weights.StoredNets(damaged)[name]
            except (WeightsError, KeyError) as error:  # a network is known by its limits: without them it is not there
                assert isinstance(error, WeightsError) or key.endswith("input_limits")


@pytest.mark.parametrize("config", ["", "{", "[]", "3", '{"groups": 3}', '{"representations": [["edge", "x"]]}'])
def test_a_configuration_that_is_none_is_an_error_of_ours(config, tmp_path):
    path = tmp_path / "own.safetensors"
    save_file({"table.log3": np.zeros(3)}, path, {"config": config})
    with pytest.raises(WeightsError, match="own.safetensors"):
        weights.read(path)
