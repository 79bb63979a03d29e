import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from selfvae_codec.pictures import files, streams


@pytest.fixture(autouse=True, params=[True, False], ids=["nameless", "hidden"])
def drafts(request, monkeypatch):
    """Both kinds of drafts: those that Linux makes without a name, and those of all other systems."""
    if not request.param:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("files without names as on Linux")
    return request.param


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


@pytest.mark.parametrize("name", ["", "missing/out", "file/out", "new/"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        files.Output(f"{tmp_path}/{name}").__enter__()
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


needs_unix = pytest.mark.skipif(os.name != "posix", reason="pipes and devices as on Unix")


@needs_unix
def test_standard_output_gets_all_bytes_also_unbuffered_through_a_pipe_that_does_not_block():
    code = "from selfvae_codec.pictures import files; files.write_out(bytes(range(256)) * 4096)"
    read, write = os.pipe()
    os.set_blocking(write, False)  # as some launchers leave it
    program = subprocess.Popen([sys.executable, "-c", code], stdout=write, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    os.close(write)
    got = bytearray()
    while part := os.read(read, 10000):
        got += part
        if len(got) < 100000:
            time.sleep(0.01)
    os.close(read)
    assert program.wait() == 0 and got == bytes(range(256)) * 4096


@needs_unix
def test_a_stream_that_takes_a_part_or_nothing_is_asked_again():
    read, write = os.pipe()
    os.set_blocking(write, False)
    content, got = os.urandom(300000), bytearray()

    def drain():
        while part := os.read(read, 7000):
            got.extend(part)

    reader = threading.Thread(target=drain)
    reader.start()
    with open(write, "wb", buffering=0) as stream:
        streams.write_all(stream, content)
    reader.join()
    os.close(read)
    assert got == content


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full device as on Linux")
def test_an_error_of_writing_names_the_file():
    with pytest.raises(OSError) as caught:
        with files.Output("/dev/full") as out:
            out.write(b"new")
    assert (caught.value.filename, caught.value.errno) == ("/dev/full", errno.ENOSPC)


@pytest.mark.parametrize("there", [True, False])
def test_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch, there):
    path, done = tmp_path / "out", []

    def noted(name, function):
        return lambda *arguments, **more: (done.append(name), function(*arguments, **more))

    for name in ("fsync", "replace", "link"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    if there:
        path.write_bytes(b"old")
    with files.Output(path) as out:
        out.write(b"new")
    assert done[0] == "fsync" and done.count("fsync") == 1 and done[1:] and path.read_bytes() == b"new"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_must_not_be_replaced_is_made_in_one_step(tmp_path, monkeypatch, drafts, links):
    link = os.link

    def raced(source, target, **more):
        if raced.by_another:
            target.write_bytes(b"someone else was faster")
        if not links:
            raise PermissionError(errno.EPERM, "no links here")
        link(source, target, **more)

    monkeypatch.setattr(os, "link", raced)
    for name, raced.by_another in (("a", False), ("b", True)):
        try:
            with files.Output(tmp_path / name, overwrite=False) as out:
                out.write(b"new")
        except FileExistsError as error:
            assert raced.by_another and "exists already" in str(error)
        except PermissionError:
            assert drafts and not links  # a draft without a name cannot get one
    if links or not drafts:
        assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "b").read_bytes() == b"someone else was faster"
    assert sorted(os.listdir(tmp_path)) == (["a", "b"] if links or not drafts else ["b"])


@needs_unix
def test_a_process_that_is_killed_while_it_works_leaves_nothing_where_files_need_no_name(tmp_path, drafts):
    code = f"""
import os, sys
from selfvae_codec.pictures import files
{drafts} or os.__dict__.pop("O_TMPFILE", None)
with files.Output(sys.argv[1]) as out:
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "out"]).returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == (not drafts)


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="descriptors by name as on Linux")
def test_a_pipe_that_has_a_name_among_the_devices_is_written_to():
    read, write = os.pipe()
    with files.Output(f"/dev/fd/{write}") as out:
        out.write(b"new")
    os.close(write)
    assert os.read(read, 9) == b"new"
    os.close(read)
