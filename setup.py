"""What pyproject.toml cannot say: folders with short names in the checkout under one import name, and the C library."""

import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup

FOLDERS = {"selfvae_codec": "codec", "selfvae_codec.models": "models", "selfvae_codec.benchmarks": "benchmarks"}

# The native runtime is loaded with ctypes: it needs no header of Python's, and one build serves all versions. Where
# there is no C compiler the package installs without it, and onnxruntime computes the same bits.
NATIVE = Path("models/exact/native")

setup(
    package_dir=FOLDERS,
    packages=[
        name
        for package, folder in FOLDERS.items()
        for name in (package, *(f"{package}.{part}" for part in find_packages(folder)))
    ],
    ext_modules=[
        Extension(
            "selfvae_codec.models.exact._native",
            sources=sorted(map(str, NATIVE.glob("*.c"))),
            depends=sorted(map(str, NATIVE.glob("*.h"))),
            extra_compile_args=["-O3", "-g0", "-fvisibility=hidden", "-ffp-contract=off", "-pthread"],
            extra_link_args=["-pthread"],
            libraries=[] if sys.platform == "win32" else ["m"],
            optional=True,
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)
