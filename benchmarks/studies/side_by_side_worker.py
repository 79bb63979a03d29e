"""Run by side_by_side.py with the Python of either build: codes what it is told to and says what it took.

It uses nothing but the public names of selfvae_codec that both builds have.
"""

import json
import os
import sys
import time

import numpy as np

import selfvae_codec


def peak_mib() -> float | None:
    """The most memory that this process has had so far."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def system_threads() -> int | None:
    """Threads of this process as the system counts them."""
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else None


def path_taken() -> str:
    """What runs the networks, and on which instructions where the build says so."""
    from selfvae_codec.models.exact import backends

    backend = backends.choose("auto")
    if backend != "native":
        return backend
    from selfvae_codec.models.exact import clibrary

    return f"{backend}, {clibrary.path()}"


def done(asked: dict) -> dict:
    selfvae_codec.set_threads(asked["threads"])
    picture = np.load(asked["picture"]) if asked["do"] == "encode" else None
    data = open(asked["file"], "rb").read() if asked["do"] == "decode" else b""
    wall, cpu = time.perf_counter(), time.process_time()
    if picture is not None:
        data = selfvae_codec.encode(picture, **asked["settings"])
    else:
        selfvae_codec.decode(data)
    took = {"s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    if picture is not None:
        with open(asked["file"], "wb") as file:
            file.write(data)
    return took | {"bytes": len(data), "peak_mib": peak_mib(), "system_threads": system_threads()}


def main() -> None:
    try:
        taken = path_taken()
    except ImportError:  # before the rooms
        taken = "onnxruntime"
    print(json.dumps({"path": taken}), flush=True)
    for line in sys.stdin:
        print(json.dumps(done(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
