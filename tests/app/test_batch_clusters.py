"""batch on local clusters of two workers of Dask and of Ray, where they are installed: nothing lost, nothing twice."""

import pytest
from test_batch import killed_in_the_middle


@pytest.mark.filterwarnings("ignore")  # of the engines' own
def test_a_dask_worker_killed_in_the_middle_loses_nothing(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="pip install 'selfvae-codec[dask]'")
    killed_in_the_middle(tmp_path, monkeypatch, "--engine", "dask")


@pytest.mark.filterwarnings("ignore")
def test_a_ray_worker_killed_in_the_middle_loses_nothing(tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="pip install 'selfvae-codec[ray]'")
    killed_in_the_middle(tmp_path, monkeypatch, "--engine", "ray")
