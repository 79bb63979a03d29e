"""Seconds and peak memory of one codec on one picture, in a process of its own.

A fresh process, because peak memory has no reset that holds everywhere, and
because a codec that eats all memory should take only its own process along.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ..codecs import build
from .timing import cores


def peak_rss_mib() -> float:
    """Peak resident memory of this process so far, in MiB.

    Linux: VmHWM of /proc/self/status (ru_maxrss would inherit the parent's peak).
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


def _child(pipe, key: str, api: str, setting: float, path: str, threads: int, part: str) -> None:
    """Encode (part 'encode') or decode the bytes of ``path`` and send what it cost."""
    with cores(threads):
        codec = build(key, api)
        small = np.full((64, 64, 3), 128, np.uint8)
        codec.decode(codec.encode(small, setting, threads), threads)  # loads libraries and weights
        source = np.load(path) if part == "encode" else Path(path).read_bytes()
        before = peak_rss_mib()
        start = time.perf_counter()
        result = codec.encode(source, setting, threads) if part == "encode" else codec.decode(source, threads)
        seconds = time.perf_counter() - start
    if part == "encode":
        Path(path).with_suffix(".bin").write_bytes(result)
    pipe.send({f"{part}_s": seconds, f"{part}_peak_rss_mib": peak_rss_mib(), "before_mib": before})


def cost(key: str, pixels: np.ndarray, setting: float, threads: int, api: str, timeout_s: float = 300) -> dict:
    """{bytes, bpp, encode_s, decode_s, encode_peak_rss_mib, decode_peak_rss_mib, before_mib}.

    before_mib is the process that encodes, before it does: Python, the library, the
    weights, the picture. One run, no median. {"error": ...} where the child died or took
    more than ``timeout_s`` for one part.
    """
    H, W = pixels.shape[:2]
    spawn = multiprocessing.get_context("spawn")
    result: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.npy"
        np.save(picture, pixels)
        for part, path in (("encode", picture), ("decode", picture.with_suffix(".bin"))):
            ours, theirs = spawn.Pipe(duplex=False)
            child = spawn.Process(target=_child, args=(theirs, key, api, setting, str(path), threads, part))
            child.start()
            theirs.close()
            try:
                if not ours.poll(timeout_s):
                    return {"error": f"{part}: more than {timeout_s:g} s"}
                result = ours.recv() | result  # before_mib is the first one's
            except EOFError:
                child.join()
                return {"error": f"{part}: the process ended with code {child.exitcode}"}
            finally:
                if child.is_alive():
                    child.join(2)
                    child.terminate()
                ours.close()
        result["bytes"] = picture.with_suffix(".bin").stat().st_size
    result["bpp"] = result["bytes"] * 8 / (H * W)
    return result
