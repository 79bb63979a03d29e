"""Bases of restorations: what photographs' weights are like is found again, and whole numbers hold it."""

import numpy as np

from selfvae_codec.benchmarks.studies.restorations import basis_of, covariance
from selfvae_codec.choice.restoring import SPREAD, Savings
from selfvae_codec.coding.restoration import BASIS_BITS
from selfvae_codec.models.tables import LOG2_SCALE_STEP

SIDES = np.array([[400.0, 0, 0], [300, 100, 0], [0, 50, 20]])  # of a covariance, its root


def told_by_many(count=800):
    """Savings of pictures whose best weights are drawn with it, as precisely as pictures tell them."""
    rng = np.random.default_rng(5)
    for _ in range(count):
        root = rng.normal(0, 0.02, (6, 3))
        curvature = root.T @ root
        weights = SIDES @ rng.normal(size=3)
        noise = root.T @ rng.normal(size=6) / np.sqrt(np.log(2))  # as a likelihood of 2^-bits has it
        yield Savings(curvature, curvature @ weights + noise)


def test_weights_of_photographs_and_the_basis_in_which_they_are_independent():
    told = list(told_by_many())
    found, saved = covariance(told)
    wanted = SIDES @ SIDES.T
    assert np.abs(found - wanted).max() < 0.1 * wanted.max()
    assert saved > 0

    basis = basis_of(told, found)
    assert {v.dtype for v in basis.values()} == {np.dtype(np.int8)}
    directions = basis["directions"] * 2.0 ** (basis["shifts"] - BASIS_BITS)
    inverse = np.linalg.inv(directions)
    spread = inverse @ found @ inverse.T
    assert abs(np.sqrt(spread[0, 0]) / SPREAD - 1) < 0.03
    deviations = np.sqrt(np.diag(spread))
    assert np.abs(spread / np.outer(deviations, deviations) - np.eye(3)).max() < 0.05
    assert np.abs(np.log2(deviations / deviations[0]) / LOG2_SCALE_STEP - basis["levels"]).max() < 1
    assert basis["levels"][0] == 0 and (np.diff(basis["levels"]) <= 0).all()
