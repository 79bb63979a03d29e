"""The native runtime: the bits of the others on every path, whatever its inputs look like, and nothing left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from conftest import make_picture
from numpy_reference import ReferenceNet
from test_exact import inputs, make_net

import selfvae_codec
from selfvae_codec.errors import CodecError
from selfvae_codec.models.exact import backends, clibrary, weights
from selfvae_codec.models.exact.layers import SetTable
from selfvae_codec.models.exact.runtime_native import NativeNet
from selfvae_codec.models.exact.runtime_torch import TorchNet
from selfvae_codec.models.exact.tiles import Tiled

pytestmark = pytest.mark.skipif(not clibrary.library(), reason="the native runtime is not installed")
PATHS = list(clibrary.paths()) if clibrary.library() else []
THREADS_AND_TILES = ((1, None), (2, 5), (4, 8))


def noise(net, shape, seed=0, extreme=False):
    """Integers up to every channel's limit, one array of them."""
    rng, limits = np.random.default_rng(seed), net.input_limits.astype(int)[:, None, None]
    draw = rng.choice([-1, 1], (len(limits), *shape)) if extreme else rng.uniform(-1, 1, (len(limits), *shape))
    return [np.rint(draw * limits).astype(np.int32)]


@pytest.fixture(scope="module", params=weights.installed())
def shipped(request):
    """Every network of a model with an input, a step, or each set of those that have sets, and what torch answers."""
    out = []
    for i, net in enumerate(weights.read(weights.installed()[request.param]).nets.values()):
        x = noise(net, (9, 7), i, extreme=i % 2)
        sets = [table for table in (net.head_bias, *(b.gain for b in net.blocks)) if isinstance(table, SetTable)]
        for at in range(len(sets[0].rows)) if sets else [300 + 37 * i % 1000]:
            out.append((net, x, at, Tiled(net, TorchNet(net))(x, at)))
    return out


@pytest.mark.parametrize("path", PATHS)
def test_every_network_of_the_shipped_models_gives_the_bits_of_torch(shipped, path):
    for index, (net, x, at, expected) in enumerate(shipped):
        threads, tile = THREADS_AND_TILES[index % 3]
        assert np.array_equal(NativeNet(net, threads, path)(x, at, tile), expected), net.name


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stepped", [True, False])
@pytest.mark.parametrize("upsample", [True, False])
@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_networks_of_any_shape_give_the_bits_of_int64(path, stepped, upsample, blocks):
    _, exact, _, _ = make_net(stepped, upsample, blocks)
    for shape in ((1, 1), (1, 9), (23, 17)):
        x = inputs((10, *shape))
        for t in (256, 687, 688):
            expected = ReferenceNet(exact)(x, t)
            for threads, tile in THREADS_AND_TILES:
                assert np.array_equal(NativeNet(exact, threads, path)(x, t, tile), expected)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_threads_that_share_the_rows_between_them_give_the_bits_of_one(path, blocks):
    """Of strips of few rows and of many, in one column of tiles and in several."""
    _, exact, _, _ = make_net(True, False, blocks)
    for shape in ((33, 47), (64, 31), (8, 6100)):
        x = inputs((10, *shape))
        expected = NativeNet(exact, 1, path)(x, 831)
        for threads in (2, 3, 4):
            assert np.array_equal(NativeNet(exact, threads, path)(x, 831), expected)


def test_inputs_may_lie_in_memory_as_they_like():
    _, exact, _, _ = make_net()
    run, plain = NativeNet(exact), inputs((10, 12, 15))[0].astype(np.int16)
    expected = run([plain], 700)
    channels_last = np.ascontiguousarray(plain.transpose(1, 2, 0)).transpose(2, 0, 1)
    every_other = np.repeat(plain, 2, axis=2)[:, :, ::2]
    backwards = np.ascontiguousarray(plain[::-1, ::-1])[::-1, ::-1]
    for x in (channels_last, every_other, backwards, plain.astype(np.int32), plain.astype(np.float64)):
        assert np.array_equal(run([x], 700), expected)
    parts = [channels_last[:3], every_other[3:4].astype(np.int32), backwards[4:]]
    assert np.array_equal(run(parts, 700), expected)
    positive = np.abs(plain).astype(np.uint8)
    assert np.array_equal(run([positive], 700), run([positive.astype(np.int32)], 700))


def test_inputs_are_clamped_to_what_the_bound_was_proven_for():
    _, exact, _, _ = make_net()
    x = inputs((10, 8, 8))[0].astype(np.int32) * 100_000
    limits = exact.input_limits.astype(np.int32)[:, None, None]
    assert np.array_equal(NativeNet(exact)([x], 700), NativeNet(exact)([x.clip(-limits, limits)], 700))


def test_inputs_of_other_shapes_are_refused():
    _, exact, _, _ = make_net()
    for shapes in ([(9, 4, 4)], [(5, 4, 4), (5, 4, 5)]):
        with pytest.raises(ValueError, match="does not take inputs of shapes"):
            NativeNet(exact)([np.zeros(shape, np.int16) for shape in shapes], 700)


def test_any_number_of_python_threads_may_run_a_network_at_once():
    _, exact, _, _ = make_net()
    run = NativeNet(exact, threads=2)
    jobs = [(inputs((10, 20 + i, 30), seed=i), 300 + 50 * i) for i in range(12)]
    expected = [ReferenceNet(exact)(*job) for job in jobs]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            assert all(map(np.array_equal, pool.map(lambda job: run(*job), jobs), expected))


def _decodes(data, expected):
    raise SystemExit(0 if np.array_equal(selfvae_codec.decode(data, backend="native"), expected) else 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # other tests of this process have started threads
def test_a_process_that_decoded_may_fork_and_the_child_decodes():
    data = selfvae_codec.encode(make_picture(100, 70), quality=60, backend="native")
    expected = selfvae_codec.decode(data, backend="native")
    child = multiprocessing.get_context("fork").Process(target=_decodes, args=(data, expected))
    child.start()
    child.join(60)
    assert child.exitcode == 0


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="threads are counted where Linux lists them")
def test_threads_serve_one_call_after_the_other_and_end_soon_after_the_last():
    def tasks():
        return set(os.listdir("/proc/self/task"))

    _, exact, _, _ = make_net()
    before, seen = tasks(), set()
    run, given = NativeNet(exact, threads=4), inputs((10, 40, 40))
    for _ in range(200):
        run(given, 700)
        seen |= tasks() - before
        assert len(tasks() - before) <= 3
    assert 0 < len(seen) < 200  # one now and then where the machine is busy
    end = time.monotonic() + 20
    while tasks() - before and time.monotonic() < end:
        time.sleep(0.05)
    assert not tasks() - before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # that it is sound is the point
def test_a_process_forks_amid_the_work_of_others_and_its_children_share_work_again():
    _, exact, _, _ = make_net()
    run, given = NativeNet(exact, threads=3), inputs((10, 60, 60))
    expected, over = run(given, 700), threading.Event()

    def work():
        while not over.is_set():
            run(given, 700)

    others = [threading.Thread(target=work) for _ in range(2)]
    for thread in others:
        thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                os._exit(0 if all(np.array_equal(run(given, 700), expected) for _ in range(3)) else 1)
            end = time.monotonic() + 60
            while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < end:
                time.sleep(0.001)
            if done == (0, 0):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            assert done == (child, 0)
    finally:
        over.set()
        for thread in others:
            thread.join()


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read where Linux tells it")
def test_memory_stays_flat_over_calls_of_changing_sizes():
    _, exact, _, _ = make_net()
    run = NativeNet(exact, threads=2)

    def resident_mib():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def thousand_calls():
        for i in range(1000):
            run([np.zeros((10, 1 + i % 37, 1 + i % 53), np.int16)], 256 + i)

    thousand_calls()
    before = resident_mib()
    thousand_calls()
    assert resident_mib() - before < 4


def test_a_path_can_be_forced_and_an_impossible_one_is_refused(monkeypatch):
    for path in PATHS:
        monkeypatch.setenv(clibrary.CHOICE, path)
        assert clibrary.path() == path
    monkeypatch.setenv(clibrary.CHOICE, "abacus")
    with pytest.raises(CodecError, match=r"SELFVAE_CODEC_NATIVE=abacus: this machine can run .*portable"):
        clibrary.path()


def test_without_the_library_another_runtime_is_taken_and_native_is_refused(monkeypatch):
    assert backends.choose("auto") == "native"
    monkeypatch.setattr(clibrary, "library", lambda: None)
    assert backends.choose("auto") in ("onnxruntime", "torch")
    with pytest.raises(CodecError, match="no C compiler"):
        backends.choose("native")


def test_native_codes_without_importing_another_runtime():
    code = (
        "import sys, numpy as np, selfvae_codec as s\n"
        "s.decode(s.encode(np.zeros((40, 30, 3), np.uint8), backend='native'), backend='native')\n"
        "assert not {'torch', 'onnx', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_steps_in_turn_are_not_mixed_up():
    _, exact, _, _ = make_net()
    run, x = NativeNet(exact), inputs((10, 6, 6))
    for t in (300, 900, 300):
        assert np.array_equal(run(x, t), ReferenceNet(exact)(x, t))
    unbiased = replace(exact, head_bias=None)
    assert np.array_equal(NativeNet(unbiased)(x, 300), ReferenceNet(unbiased)(x, 300))
