"""What pyproject.toml cannot say: the folders of the checkout keep short names, and users see one import name."""

from setuptools import find_packages, setup

FOLDERS = {"selfvae_codec": "codec", "selfvae_codec.models": "models", "selfvae_codec.benchmarks": "benchmarks"}

setup(
    package_dir=FOLDERS,
    packages=[
        name
        for package, folder in FOLDERS.items()
        for name in (package, *(f"{package}.{part}" for part in find_packages(folder)))
    ],
)
