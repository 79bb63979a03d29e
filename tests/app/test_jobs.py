"""Many inputs at a time, with the real networks: what processes write, say, and leave behind when they die."""

import glob
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import make_picture
from PIL import Image

from selfvae_codec.app import jobs, main
from selfvae_codec.errors import CodecError


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    folder = tmp_path_factory.mktemp("album")
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(make_picture(64, 48, seed=ord(name[0]))).save(folder / name)
    (folder / "bad.png").write_bytes(b"no picture")
    return folder


def test_processes_write_what_one_writes_and_report_in_order(album, capfd):
    names = [str(album / name) for name in ("b.png", "bad.png", "a.png", "absent.png", "c.png")]
    for folder, more in (("one", ()), ("two", ("-j", "2"))):
        assert main.run(["encode", *names, "--output-dir", str(album / folder), "--json", *more]) == 1
        said = capfd.readouterr()
        assert [os.path.basename(row["output"]) for row in json.loads(said.out)] == ["b.svae", "a.svae", "c.svae"]
        assert said.err.count(" bpp, ") == 3 and "error: 2 of 5 inputs failed" in said.err
        assert "bad.png: " in said.err and "absent.png: No such file" in said.err and "Traceback" not in said.err
    files = sorted(path.name for path in (album / "one").iterdir())
    assert files == ["a.svae", "b.svae", "c.svae"]
    assert all((album / "one" / f).read_bytes() == (album / "two" / f).read_bytes() for f in files)
    coded = [str(album / "two" / f) for f in files]
    (album / "two" / "b.svae").write_bytes((album / "two" / "b.svae").read_bytes()[:-1])
    assert main.run(["decode", *coded, "--output-dir", str(album / "out"), "-j", "3"]) == 0
    said = capfd.readouterr().err
    assert "b.svae: the file is cut off" in said and said.count("levels 1 to 3 of 3") == 2


def die_at_one(job):
    if job.source == "1":
        os._exit(9)
    return {"source": job.source}


def stumble(job):
    if job.source == "2":
        raise ZeroDivisionError("of ours")
    return {"input": job.source}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_fault_of_ours_costs_one_input_and_not_the_batch(processes, capfd):
    with pytest.raises(CodecError, match="1 of 3 inputs failed"):
        jobs.run([jobs.Job(str(i), "-", True) for i in (1, 2, 3)], stumble, as_json=True, processes=processes)
    said = capfd.readouterr()
    assert [row["input"] for row in json.loads(said.out)] == ["1", "3"]
    assert "error: 2: internal error, please report it: ZeroDivisionError: of ours" in said.err


def test_a_process_that_dies_costs_its_own_input_and_no_other(capsys):
    with pytest.raises(CodecError, match="1 of 5 inputs failed"):
        jobs.run([jobs.Job(str(i), "-", True) for i in range(5)], die_at_one, as_json=True, processes=2)
    said = capsys.readouterr()
    assert [row["source"] for row in json.loads(said.out)] == ["0", "2", "3", "4"]
    assert "error: 1: its process was killed" in said.err and "give fewer with -j" in said.err


def deaf_once(job):
    """The first job does not hear that it should end, and never does by itself; the second dies beside it. Once."""
    begun, other = (job.source + name for name in (".deaf", ".dead"))
    mine, theirs = (begun, other) if job.target == "0" else (other, begun)
    if os.path.exists(mine):
        return {"target": job.target}
    if job.target == "0":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(mine, "w").close()
    while job.target == "0" or not os.path.exists(theirs):
        time.sleep(0.05)
    os._exit(9)


@pytest.mark.skipif(os.name != "posix", reason="Windows' processes cannot refuse to end")
def test_a_process_that_does_not_hear_that_it_should_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "_PATIENCE_S", 0.5)
    two = [jobs.Job(str(tmp_path / "job"), target, True) for target in "01"]
    told = list(jobs.outcomes(two, deaf_once, 2, 1))
    assert sorted(facts["target"] for _, facts, _ in told) == ["0", "1"]
    assert [failure for *_, failure in told] == [None, None]


def being_written(folder):
    """Whether a process has begun a file there, which has a hidden name, or none."""
    for open_file in glob.iglob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(open_file).startswith(f"{folder}/#"):
                return True
        except OSError:  # closed meanwhile, or of somebody else
            pass
    return bool(list(folder.glob(".selfvae-*")))


@pytest.mark.skipif(os.name != "posix", reason="signals are sent to a group of processes")
@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGHUP", 129)])
def test_a_signal_to_stop_stops_all_processes_and_leaves_no_partial_file(tmp_path, number, status):
    for i in range(6):
        Image.fromarray(make_picture(450, 350, seed=i)).save(tmp_path / f"{i}.png")
    command = [sys.executable, "-m", "selfvae_codec", "encode", *map(str, sorted(tmp_path.glob("*.png"))), "-j", "2"]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not being_written(tmp_path):
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.05)
    os.killpg(run.pid, getattr(signal, number))
    _, said = run.communicate(timeout=120)
    assert run.returncode == status and "Traceback" not in said
    assert not list(tmp_path.glob(".selfvae-*"))
    assert len(list(tmp_path.glob("*.svae"))) < 6


@pytest.mark.skipif(sys.platform != "linux", reason="processes are counted by Linux' /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_processes_end_with_the_one_that_they_work_for_however_it_ended(tmp_path, number):
    for i in range(4):
        Image.fromarray(make_picture(450, 350, seed=i)).save(tmp_path / f"{i}.png")
    command = [sys.executable, "-m", "selfvae_codec", "encode", *map(str, sorted(tmp_path.glob("*.png"))), "-j", "2"]
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not being_written(tmp_path):
        assert run.poll() is None
        time.sleep(0.05)
    with open(f"/proc/{run.pid}/task/{run.pid}/children") as children:
        others = children.read().split()
    assert len(others) >= 2
    run.send_signal(number)
    run.wait(timeout=120)
    until = time.monotonic() + 120
    while any(os.path.exists(f"/proc/{pid}") for pid in others) and time.monotonic() < until:
        time.sleep(0.1)
    assert [pid for pid in others if os.path.exists(f"/proc/{pid}")] == []
    assert not list(tmp_path.glob(".selfvae-*"))
