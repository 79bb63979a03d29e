import os
import stat

import pytest

from selfvae_codec.pictures import files


def test_the_file_appears_whole_when_the_block_ends(tmp_path):
    path = tmp_path / "out"
    with files.Output(path) as out:
        out.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out"]


def test_a_failure_leaves_no_trace_and_an_existing_file_as_it_was(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        with files.Output(path) as out:
            out.write(b"new")
            raise RuntimeError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


def test_an_existing_file_is_kept_when_asked_to(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        files.Output(path, overwrite=False).__enter__()
    with pytest.raises(FileExistsError):
        with files.Output(tmp_path / "late", overwrite=False) as out:
            out.write(b"new")
            (tmp_path / "late").write_bytes(b"someone else was faster")
    assert (tmp_path / "late").read_bytes() == b"someone else was faster"
    assert sorted(os.listdir(tmp_path)) == ["late", "out"]


@pytest.mark.parametrize("name", ["", "missing/out", "file/out"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        files.Output(tmp_path / name).__enter__()
    assert os.listdir(tmp_path) == ["file"]


def test_permissions_are_the_usual_ones_and_an_existing_file_keeps_its_own(tmp_path):
    new, old, usual = tmp_path / "new", tmp_path / "old", tmp_path / "usual"
    usual.write_bytes(b"")
    old.write_bytes(b"")
    old.chmod(0o640)
    for path in (new, old):
        with files.Output(path) as out:
            out.write(b"x")
    assert new.stat().st_mode == usual.stat().st_mode
    assert stat.S_IMODE(old.stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="links and devices as on Unix")
def test_links_and_devices_stay_what_they_are(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with files.Output(link) as out:
        out.write(b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    with files.Output("/dev/null") as out:
        out.write(b"new")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
