"""Threads, forks and memory: what servers do to the codec, and what systems refuse it."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

import selfvae_codec
from selfvae_codec.models.exact import backends, system

GOLDEN = Path(__file__).parents[1] / "golden" / "golden.svae"


@pytest.fixture(autouse=True)
def fresh_pool(monkeypatch):
    """No threads that another test made, and none left."""
    monkeypatch.setattr(system, "_pool", None)
    yield
    if system._pool:
        system._pool.close()


def run(code):
    """A process of its own that knows ``data``, a golden file, and ``digest`` of its picture."""
    before = f"""
import hashlib, os, sys, time
import selfvae_codec
data = open({str(GOLDEN)!r}, 'rb').read()
def digest(backend='auto'):
    return hashlib.sha256(selfvae_codec.decode(data, backend=backend)).hexdigest()
"""
    command = [sys.executable, "-c", before + code]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def digest(backend="auto"):
    return hashlib.sha256(selfvae_codec.decode(GOLDEN.read_bytes(), backend=backend)).hexdigest()


@pytest.mark.parametrize(
    ("said", "count"),
    [("3", 3), ("3,2", 3), (" 2 ", 2), ("", None), ("0", None), ("-1", None), ("many", None), (None, None)],
)
def test_threads_are_those_that_openmp_would_take(said, count, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    every = system.threads()
    if said is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert system.threads() == (count or every)


def test_work_is_shared_and_comes_back_in_order(monkeypatch):
    monkeypatch.setattr(system, "_count", 4)
    together = threading.Barrier(4, timeout=20)
    assert system.share(lambda i: (together.wait(), i)[1], range(4)) == [0, 1, 2, 3]
    assert system.share(lambda i: -i, range(100)) == [-i for i in range(100)]
    assert system.share(str, []) == []
    assert system._pool.size == 3


def test_what_fails_in_a_thread_is_raised_and_ends_the_rest(monkeypatch):
    monkeypatch.setattr(system, "_count", 3)
    started = []

    def work(i):
        started.append(i)
        time.sleep(0.01)
        raise ZeroDivisionError(i)

    with pytest.raises(ZeroDivisionError):
        system.share(work, range(50))
    assert len(started) <= 3


@pytest.mark.parametrize("granted", [0, 1, 2])
def test_where_the_system_refuses_threads_fewer_do_the_work(granted, monkeypatch):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    expected = digest()
    monkeypatch.setattr(system, "_pool", None)
    monkeypatch.setattr(system, "_count", 6)
    start, started = threading.Thread.start, []

    def refuse(thread):
        if len(started) == granted:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert digest("onnxruntime") == expected
    assert system.share(lambda i: i, range(20)) == list(range(20)) and system._pool.size == granted


def test_many_threads_that_decode_first_load_everything_once(monkeypatch):
    backends._load.cache_clear()
    read, made = [], []
    load = backends.load

    def counted(path, backend):
        read.append(path)
        nets = load(path, backend)
        make = nets._make_runner
        nets._make_runner = lambda net: (made.append(net.name), make(net))[1]
        return nets

    monkeypatch.setattr(backends, "load", counted)
    found = []
    crowd = [threading.Thread(target=lambda: found.append(digest())) for _ in range(8)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    backends._load.cache_clear()
    assert len(found) == 8 and len(set(found)) == 1
    assert len(read) == 1 and len(made) == len(set(made)) > 10


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="Linux alone counts its threads here")
def test_networks_take_the_threads_they_may_and_no_more():
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    done = run("""
selfvae_codec.set_threads(1)
digest('onnxruntime')
before = len(os.listdir('/proc/self/task'))
selfvae_codec.set_threads(8)
digest('onnxruntime')
digest()
time.sleep(1)  # those of the C library, which are never at work beside the others, end
print(len(os.listdir('/proc/self/task')) - before)
""")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes fork on POSIX systems alone")
def test_whatever_a_process_ran_its_forked_children_decode_and_end():
    pytest.importorskip("torch", reason="torch is not installed")
    done = run("""
import signal, time, warnings
warnings.simplefilter('ignore')  # of a fork where there are threads: that it is sound is the point

def child(backend):
    process = os.fork()
    if not process:
        signal.alarm(300)  # a child that hangs is killed
        selfvae_codec.set_threads(2)
        print(backend, digest(backend), flush=True)
        sys.exit(0)
    assert os.waitpid(process, 0)[1] == 0, backend

selfvae_codec.set_threads(2)
from selfvae_codec.models.exact.backends import choose
for parent in (None, choose('auto'), 'onnxruntime', 'torch'):
    if parent:
        print(parent, digest(parent), flush=True)
    for backend in sorted({choose('auto'), 'onnxruntime', 'torch'}):
        child(backend)
""")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) in (11, 15) and {line.split()[1] for line in lines} == {digest()}
    assert done.stderr == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes fork on POSIX systems alone")
def test_a_process_forks_between_two_loads_and_never_amid_one():
    done = run("""
import threading, time, warnings
warnings.simplefilter('ignore')
from selfvae_codec.models.exact import weights
original = weights.read
loading = threading.Event()
def slow(path):
    loading.set()
    time.sleep(0.5)
    return original(path)
weights.read = slow
thread = threading.Thread(target=digest)
thread.start()
loading.wait()
process = os.fork()
if not process:
    import signal
    signal.alarm(300)
    digest()
    os._exit(0)
thread.join()
print(os.waitpid(process, 0)[1])
""")
    assert done.returncode == 0 and done.stdout == "0\n", done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory hold on Linux")
@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_a_runtime_without_memory_is_a_memory_error_and_says_nothing(backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    done = run(f"""
import resource
import numpy as np
from selfvae_codec.models.exact.backends import networks
run = networks(backend={backend!r}).run
x = np.zeros((194, 100, 100), np.float32)
run('synthesis', [x[:, :20, :20]], 700)
pages = int(open('/proc/self/statm').read().split()[0])
for more in range(16, 56, 10):
    resource.setrlimit(resource.RLIMIT_AS, ((pages << 12) + (more << 20), -1))
    try:
        run('synthesis', [x], 700)
    except MemoryError:
        print('MemoryError')
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
""")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() and set(done.stdout.splitlines()) == {"MemoryError"}
    assert done.stderr == ""


def test_tiles_side_by_side_give_the_bits_of_one_after_the_other(monkeypatch):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from selfvae_codec.models.exact.runtime_onnx import OnnxNet
    from selfvae_codec.models.exact.tiles import Tiled

    net = backends.networks().weights.net("synthesis", 700)
    x = np.random.default_rng(0).integers(-20, 20, (194, 37, 21))
    whole = Tiled(net, OnnxNet(net))([x], 700)
    for count, tile in ((1, 16), (3, 64), (5, 16), (40, 64)):
        monkeypatch.setattr(system, "_count", count)
        assert np.array_equal(Tiled(net, OnnxNet(net), side_by_side=True)([x], 700, tile), whole)


def test_products_take_one_thread_for_as_long_as_anybody_asks_and_then_as_many_as_before():
    def counts():
        return [info["num_threads"] for info in threadpoolctl.threadpool_info() if info["user_api"] == "blas"]

    with threadpoolctl.threadpool_limits(2, "blas"):
        if not (before := counts()) or set(before) != {2}:
            pytest.skip("NumPy's BLAS here has one thread, or none that can be set")
        first, second = system.one_blas_thread(), system.one_blas_thread()
        first.__enter__()
        second.__enter__()
        assert set(counts()) == {1}
        first.__exit__(None, None, None)  # not the one that began last
        assert set(counts()) == {1}
        second.__exit__(None, None, None)
        assert counts() == before
