"""The same bits under other thread counts, instruction sets, libraries and tilings, and in int64."""

import json
import os
import subprocess
import sys
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from conftest import make_picture
from numpy_reference import ReferenceNet
from PIL import Image
from portability_probe import ENCODED, digest
from portability_probe import SETTINGS as CODED

import selfvae_codec
from selfvae_codec.coding.levels import decode_levels
from selfvae_codec.format.container import read_levels
from selfvae_codec.models.exact import backends, clibrary, weights
from selfvae_codec.models.exact.inference import Networks
from selfvae_codec.models.exact.tiles import Tiled

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"

FORCED = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "PROBE_MKLDNN", clibrary.CHOICE)
SETTINGS: list[tuple[str, str, dict[str, str]]] = [  # every two of threads, ATen's and oneDNN's instructions meet
    ("torch", "1", {}),
    ("torch", "1", {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}),
    ("torch", "2", {"ATEN_CPU_CAPABILITY": "default"}),
    ("torch", "2", {"ONEDNN_MAX_CPU_ISA": "SSE41"}),
    ("torch", "2", {"PROBE_MKLDNN": "0"}),
    ("onnxruntime", "1", {}),
    ("onnxruntime", "2", {}),
    ("onnxruntime", "2", {clibrary.CHOICE: clibrary.NONE}),
]
NATIVE = list(clibrary.paths()) if clibrary.library() else []
SETTINGS += [("native", threads, {clibrary.CHOICE: path}) for path, threads in zip(NATIVE, cycle(("4", "2", "1")))]


@pytest.fixture(scope="module")
def expected():
    return json.loads((GOLDEN / "golden.json").read_text())


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A file of several tiles and the hash of its picture, as this process makes them."""
    path = tmp_path_factory.mktemp("large") / "large.svae"
    path.write_bytes(selfvae_codec.encode(make_picture(640, 320), quality=60))
    return path, digest(selfvae_codec.decode(path.read_bytes()).tobytes())


@pytest.mark.parametrize(("backend", "threads", "forced"), SETTINGS, ids=str)
def test_bits_do_not_depend_on_the_machine(backend, threads, forced, expected, large):
    if backend != "native":
        pytest.importorskip(backend, reason=f"{backend} is not installed")
    environment = {k: v for k, v in os.environ.items() if k not in FORCED} | {"OMP_NUM_THREADS": threads}
    environment["OMP_WAIT_POLICY"] = "passive"  # tests run side by side: threads that spin would wait for each other
    environment |= forced
    probe = subprocess.run(
        [sys.executable, str(HERE / "portability_probe.py"), backend, str(large[0])],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert probe.returncode == 0, probe.stderr
    report = json.loads(probe.stdout)
    assert report == expected | {"large": large[1]}


@pytest.mark.parametrize("name", [*CODED, "fitted"])
def test_golden_files_decode_to_the_same_bits_in_int64(name, monkeypatch):
    """Every network of every level, computed by the reference of numpy_reference.py."""
    data = (GOLDEN / f"{name}.svae").read_bytes()
    header = selfvae_codec.read_header(data)
    reference = Networks(weights.read(weights.find(header.model_id)), lambda net: Tiled(net, ReferenceNet(net)))
    for level in header.levels:
        fast = selfvae_codec.decode(data, level.index, backend="torch")
        with monkeypatch.context() as patch:
            patch.setattr("selfvae_codec.coding.levels.networks", lambda model_id, backend: reference)
            slow = decode_levels(*read_levels(data, level.index))
        assert np.array_equal(slow, fast), level.name
    assert backends.choose("torch") == "torch"


@pytest.mark.parametrize("name", ENCODED)
def test_golden_bytes_never_change_within_a_model(name):
    picture = np.asarray(Image.open(GOLDEN / "golden.png"))
    assert selfvae_codec.encode(picture, **CODED[name]) == (GOLDEN / f"{name}.svae").read_bytes(), (
        "new weights or another format: write new golden files with tests/make_golden.py, in the same commit"
    )
